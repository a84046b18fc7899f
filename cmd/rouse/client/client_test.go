package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// against makes a client for a server that answers with status and body.
func against(t *testing.T, serve http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/", "ID:SECRET")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestErrorsAreTheServersOwn(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		code    rouse.Code
		message string
		detail  string
	}{
		{502, `{"error":{"code":"start_failed","message":"exit status 1","detail":"last words","request_id":"x"}}`, rouse.StartFailed, "exit status 1", "last words"},
		{502, `<html>Bad Gateway</html>`, rouse.Internal, "the server answered 502 Bad Gateway", "<html>Bad Gateway</html>"},
		{500, ``, rouse.Internal, "the server answered 500 Internal Server Error", ""},
		{404, `{"message":"somebody else's"}`, rouse.Internal, "the server answered 404 Not Found", `{"message":"somebody else's"}`},
		{200, `{"name":`, rouse.Unavailable, "the server's answer cannot be read: unexpected EOF", ""},
	} {
		_, err := against(t, answer(c.status, c.body)).Function(t.Context(), "f")
		var e *rouse.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Message != c.message || e.Detail != c.detail {
			t.Errorf("%d %s: %#v", c.status, c.body, err)
		}
	}
}

func TestADeploymentTellsItsProgress(t *testing.T) {
	c := against(t, answer(200, `{"message":"one"}`+"\n"+`{"message":"two"}`+"\n"+`{"result":{"created":true}}`+"\n"))
	var said []string
	done, err := c.Deploy(t.Context(), rouse.Deployment{Name: "f"}, func(s string) { said = append(said, s) })
	if err != nil || !done.Created || strings.Join(said, " ") != "one two" {
		t.Errorf("%+v, %v, %q", done, err, said)
	}
}

func TestADeploymentThatFailsOrBreaksOffIsAnError(t *testing.T) {
	for body, code := range map[string]rouse.Code{
		`{"message":"one"}` + "\n" + `{"error":{"code":"invalid","message":"no"}}`: rouse.Invalid,
		`{"message":"one"}` + "\n":           rouse.Unavailable,
		`{"message":"one"}` + "\n" + `{"res`: rouse.Unavailable,
	} {
		if _, err := against(t, answer(200, body)).Deploy(t.Context(), rouse.Deployment{Name: "f"}, func(string) {}); rouse.CodeOf(err) != code {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestFollowingALogEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Encode(); got != "follow=true&request_id=id&since=10m&tail=3" {
			t.Errorf("query %s", got)
		}
		io.WriteString(w, `{"text":"a line"}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var text string
	err := c.Logs(ctx, "f", LogQuery{Tail: 3, Since: "10m", RequestID: "id", Follow: true}, func(line adminapi.LogLine) error {
		text = line.Text
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || text != "a line" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAnInterruptedDeploymentIsNoFaultOfTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"message":"starting"}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	_, err := c.Deploy(ctx, rouse.Deployment{Name: "f"}, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAnUploadThatTheServerRefusesEarlyIsItsError(t *testing.T) {
	c := against(t, answer(413, `{"error":{"code":"too_large","message":"body: over the limit"}}`))
	endless := io.MultiReader(strings.NewReader("PK"), neverEnding{})
	if _, err := c.Upload(t.Context(), endless, -1); rouse.CodeOf(err) != rouse.TooLarge {
		t.Error(err)
	}
}

func TestAServerThatHangsUpIsSaidToHaveGone(t *testing.T) {
	c := against(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.CreateKey(t.Context(), "x"); rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "went away before it answered") {
		t.Error(err)
	}
}

func TestAnInternalErrorNamesItsRequest(t *testing.T) {
	c := against(t, answer(500, `{"error":{"code":"internal","message":"look under this request id","request_id":"abc-1"}}`))
	if _, err := c.Functions(t.Context()); rouse.CodeOf(err) != rouse.Internal || !strings.Contains(err.Error(), "this request id, abc-1") {
		t.Error(err)
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

func TestServersAreWrittenInAnyUsualWay(t *testing.T) {
	for given, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", "https://rouse.example/": "https://rouse.example", "http://h:1/base/": "http://h:1/base",
		"ftp://x": "", "http://": "", "": "", "::": "",
	} {
		c, err := New(given, "")
		switch {
		case want == "" && rouse.CodeOf(err) != rouse.Invalid:
			t.Errorf("%q: %v", given, err)
		case want != "" && (err != nil || c.Server() != want):
			t.Errorf("%q: %v, %v", given, c, err)
		}
	}
}
