package proxy

import (
	"net/http"
	"testing"

	"github.com/rousehq/rouse"
)

func TestAServiceWorkerIsKeptToItsFunctionsPath(t *testing.T) {
	http1, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Service-Worker-Allowed", "/") })
	event := &eventTarget{func(*rouse.Event) (*rouse.Result, error) {
		return &rouse.Result{Payload: []byte(`{"statusCode": 200, "headers": {"Service-Worker-Allowed": "/"}}`)}, nil
	}}
	for name, target := range map[string]rouse.Target{"http": http1, "lambda": event} {
		for prefix, want := range map[string]string{"/fn/app": "/fn/app/", "": "/"} {
			f := newFront(t, target)
			f.prefix = prefix
			req := request(t, http.MethodGet, f.URL+"/sw.js", nil)
			req.Header.Set("Service-Worker", "script")
			res, _ := do(t, req)
			if got := res.Header["Service-Worker-Allowed"]; len(got) != 1 || got[0] != want {
				t.Errorf("%s below %q: %q, want %q", name, prefix, got, want)
			}
		}
	}
}
