package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rousehq/rouse/gateway"
)

func TestGuardRefusesHostsThatAStrangerMayOwn(t *testing.T) {
	guard := gateway.Guard{Hosts: []string{"Rouse.example.com"}}
	for host, allowed := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.:80": true, "127.0.0.1:8080": true, "[::1]:8080": true, "::1": true,
		"192.168.1.5:8080": true, "rouse:8080": true, "host.docker.internal:8080": true, "rouse.example.com": true,
		"evil.com": false, "evil.com:8080": false, "127.0.0.1.evil.com": false, "localhost.evil.com": false,
		"x.rouse.example.com": false, "": false, ":8080": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/status", nil)
		r.Host = host
		if err := guard.Check(httptest.NewRecorder(), r); (err == nil) != allowed {
			t.Errorf("host %q: %v", host, err)
		}
	}
}

func TestGuardLetsBrowsersOnlyRead(t *testing.T) {
	for _, tt := range []struct {
		method, header, value string
		allowed               bool
	}{
		{http.MethodGet, "Sec-Fetch-Site", "cross-site", true},
		{http.MethodPut, "X-Any", "thing", true},
		{http.MethodPost, "Sec-Fetch-Mode", "cors", true}, // Node's fetch
		{http.MethodPost, "Sec-Fetch-Site", "cross-site", false},
		{http.MethodPost, "Sec-Fetch-Site", "same-site", false},
		{http.MethodDelete, "Sec-Fetch-Site", "same-origin", false}, // pages below /fn/
		{http.MethodPost, "Origin", "http://evil.com", false},
		{http.MethodPost, "Origin", "null", false},
	} {
		r := httptest.NewRequest(tt.method, "http://localhost/api/v1/functions/x", nil)
		r.Header.Set(tt.header, tt.value)
		if err := (gateway.Guard{}).Check(httptest.NewRecorder(), r); (err == nil) != tt.allowed {
			t.Errorf("%s with %s %s: %v", tt.method, tt.header, tt.value, err)
		}
	}
}

func TestGuardAnswersForbiddenInOurShape(t *testing.T) {
	h := gateway.Guard{}.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("secret")) }))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "evil.com"
	h.ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), `"code":"invalid"`) || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	w, r.Host = httptest.NewRecorder(), "localhost"
	if h.ServeHTTP(w, r); w.Body.String() != "secret" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// Pages of functions have the origin of this server.
func TestGuardKeepsWhatIsReadFromFunctionsPages(t *testing.T) {
	ask := func(guard gateway.Guard, site, mode string) (http.Header, error) {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/functions", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", mode)
		return w.Header(), guard.Check(w, r)
	}
	for _, mode := range []string{"cors", "no-cors", "same-origin", "websocket", ""} {
		if _, err := ask(gateway.Guard{}, "same-origin", mode); err == nil {
			t.Errorf("a script reads, mode %q", mode)
		}
		if _, err := ask(gateway.Guard{SameOrigin: true}, "same-origin", mode); err != nil {
			t.Errorf("mode %q: %v", mode, err)
		}
	}
	for _, site := range []string{"same-origin", "cross-site", "none"} {
		if h, err := ask(gateway.Guard{}, site, "navigate"); err != nil || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox;") {
			t.Errorf("a window, opened from %s: %v, %v", site, h, err)
		}
	}
}
