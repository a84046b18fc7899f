package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

func TestEveryCodeHasItsStatus(t *testing.T) {
	want := map[rouse.Code]int{
		rouse.NotFound: 404, rouse.Invalid: 400, rouse.TooLarge: 413, rouse.Throttled: 429, rouse.StartFailed: 502,
		rouse.FunctionError: 502, rouse.Unavailable: 503, rouse.Timeout: 504, rouse.Conflict: 409, rouse.Internal: 500,
		"unheard_of": 500,
	}
	for code, status := range want {
		if got := gateway.Status(code); got != status {
			t.Errorf("Status(%s) = %d, want %d", code, got, status)
		}
	}
}

// write answers with err and returns what the client sees.
func write(t *testing.T, err error) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	gateway.WriteError(w, "id-1", err)
	var body struct{ Error map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	return w, body.Error
}

func TestErrorsAreWrittenInOneShape(t *testing.T) {
	w, body := write(t, fmt.Errorf("acquiring: %w", &rouse.Error{Code: rouse.StartFailed, Message: "init crashed", Detail: "last line"}))
	if w.Code != 502 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got status %d, headers %v", w.Code, w.Header())
	}
	if fmt.Sprint(body) != "map[code:start_failed detail:last line message:init crashed request_id:id-1]" {
		t.Errorf("body is %v", body)
	}
}

func TestInternalErrorsKeepTheirDetailsToThemselves(t *testing.T) {
	for _, err := range []error{
		errors.New("open /secret: permission denied"),
		&rouse.Error{Code: rouse.Internal, Message: "secret", Detail: "secret", Type: "secret"},
	} {
		w, body := write(t, err)
		if w.Code != 500 || body["code"] != "internal" || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
}

func TestRetryAfterIsPromisedInWholeSecondsFromOne(t *testing.T) {
	for _, tt := range []struct {
		code  rouse.Code
		after time.Duration
		want  string
	}{
		{rouse.Throttled, 0, "1"},
		{rouse.Throttled, 1500 * time.Millisecond, "2"},
		{rouse.Unavailable, -1, "1"},
		{rouse.Invalid, 0, ""},
		{rouse.StartFailed, 3 * time.Second, "3"},
	} {
		w, _ := write(t, &rouse.Error{Code: tt.code, RetryAfter: tt.after})
		if got := w.Header().Get("Retry-After"); got != tt.want {
			t.Errorf("%s after %s: Retry-After %q, want %q", tt.code, tt.after, got, tt.want)
		}
	}
}

func TestWhatAHandlerRaisedIsTold(t *testing.T) {
	_, body := write(t, gateway.HandlerFailed(&rouse.Failure{Type: "KeyError", Message: "'x'", Trace: []string{"app.py"}}))
	if fmt.Sprint(body) != "map[code:function_error errorMessage:'x' errorType:KeyError message:'x' request_id:id-1 stackTrace:[app.py]]" {
		t.Errorf("body is %v", body)
	}
	if _, body = write(t, gateway.HandlerFailed(&rouse.Failure{Message: "m"})); body["errorType"] != "Error" {
		t.Errorf("without a type: %v", body)
	}
}

func TestAnErrorDropsTheHeadersOfTheAnswerThatFailed(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", "99999")
	w.Header().Set("Etag", `"x"`)
	gateway.WriteError(w, "id", rouse.Errorf(rouse.Invalid, "m"))
	if h := w.Header(); h.Get("Content-Encoding") != "" || h.Get("Etag") != "" || h.Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("headers are %v", h)
	}
}

func TestTimingsTellWhatARequestWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		<-time.After(1500 * time.Microsecond)
		h := http.Header{}
		gateway.SetTimings(h, &rouse.Lease{Cold: true, Timings: []rouse.Timing{
			{Phase: rouse.PhaseQueue, Took: 250 * time.Microsecond}, {Phase: rouse.PhaseInit, Took: 17 * time.Millisecond},
		}}, began)
		if got := h.Get("X-Rouse-Start") + "|" + h.Get("Server-Timing"); got != "cold|queue;dur=0.250, init;dur=17.000, first-byte;dur=1.500" {
			t.Error(got)
		}
		h = http.Header{}
		gateway.SetTimings(h, &rouse.Lease{Cold: true, Tier: rouse.TierCell}, began)
		if h.Get("X-Rouse-Start") != "cell" {
			t.Errorf("from a cell: %v", h)
		}
		h = http.Header{}
		gateway.SetTimings(h, &rouse.Lease{Tier: rouse.TierFrozen, Timings: []rouse.Timing{{Phase: rouse.PhaseThaw, Took: 90 * time.Microsecond}}}, began)
		if got := h.Get("X-Rouse-Start") + "|" + h.Get("Server-Timing"); got != "frozen|thaw;dur=0.090, first-byte;dur=1.500" {
			t.Error(got)
		}
		h = http.Header{}
		gateway.SetTimings(h, &rouse.Lease{Tier: rouse.TierWarm}, began)
		if h.Get("X-Rouse-Start") != "warm" || len(h) != 1 {
			t.Errorf("warm: %v", h)
		}
	})
}
