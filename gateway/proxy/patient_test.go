package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// endless is a function whose answer does not end.
func endless(t *testing.T) rouse.Target {
	target, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	})
	return target
}

func TestAClientThatTakesNothingHoldsNoInstance(t *testing.T) {
	f := newFront(t, endless(t))
	f.proxy.within = 50 * time.Millisecond
	res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	f.wantReleased(t, 1)
}

func TestASlowClientGetsItsAnswerAndTheNext(t *testing.T) {
	const size = 3 << 20
	answer := make([]byte, size)
	plain, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) { w.Write(answer) })
	event := &eventTarget{func(*rouse.Event) (*rouse.Result, error) {
		return &rouse.Result{Payload: []byte(`"` + strings.Repeat("a", size) + `"`)}, nil
	}}
	for name, target := range map[string]rouse.Target{"http": plain, "lambda": event} {
		f := newFront(t, target)
		f.proxy.within = time.Minute
		for range 2 { // on one connection
			res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{res.Body}, make([]byte, 1000))
			if err != nil || n < size {
				t.Errorf("%s: %d bytes, %v", name, n, err)
			}
			res.Body.Close()
		}
	}
}
