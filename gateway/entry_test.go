package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// serve runs h behind Entry on a real listener.
func serve(t *testing.T, log *slog.Logger, h gateway.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(gateway.Entry(h, log))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(func() {
		s.Client().CloseIdleConnections()
		s.Close()
	})
	return s
}

// get returns the answer with its body, or the error on the way.
func get(s *httptest.Server, header ...string) (*http.Response, string, error) {
	r, _ := http.NewRequest(http.MethodGet, s.URL, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := s.Client().Do(r)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, string(b), err
}

func TestEveryRequestHasAnIDOfItsOwn(t *testing.T) {
	seen := make(chan string, 2)
	s := serve(t, quiet, func(c *gateway.Call) error {
		seen <- c.ID + "|" + c.Request.Header.Get("X-Request-Id")
		return nil
	})
	first, _, _ := get(s)
	second, _, _ := get(s)
	a, b := first.Header.Get("X-Request-Id"), second.Header.Get("X-Request-Id")
	if uuid.Validate(a) != nil || a == b {
		t.Errorf("ids are %q and %q", a, b)
	}
	if got := <-seen; got != a+"|"+a {
		t.Errorf("the call has %q, the client %q", got, a)
	}
}

func TestTheClientsIDIsTakenOverWhenItIsSane(t *testing.T) {
	s := serve(t, quiet, func(c *gateway.Call) error { return nil })
	for id, kept := range map[string]bool{
		"trace-0001": true, "short": false, strings.Repeat("x", 129): false, "with space": false, "../../etc/passwd": false,
	} {
		res, _, err := get(s, "X-Request-Id", id)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("X-Request-Id") == id; got != kept {
			t.Errorf("id %q: kept is %v, want %v", id, got, kept)
		}
	}
}

func TestAnErrorBeforeTheAnswerIsWritten(t *testing.T) {
	s := serve(t, quiet, func(c *gateway.Call) error { return rouse.Errorf(rouse.NotFound, "function x: unknown") })
	res, body, err := get(s)
	if err != nil || res.StatusCode != 404 || !strings.Contains(body, `"message":"function x: unknown"`) ||
		!strings.Contains(body, res.Header.Get("X-Request-Id")) {
		t.Errorf("got %v %s %v", res, body, err)
	}
}

func TestAnErrorAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	for name, h := range map[string]gateway.Handler{
		"error": func(c *gateway.Call) error {
			io.WriteString(c.Writer, "half an ans")
			http.NewResponseController(c.Writer).Flush()
			return rouse.Errorf(rouse.FunctionError, "died")
		},
		"panic": func(c *gateway.Call) error {
			c.Writer.Write([]byte("half an ans"))
			c.Writer.(http.Flusher).Flush()
			panic("a bug")
		},
	} {
		_, body, err := get(serve(t, quiet, h))
		if err == nil || body != "half an ans" {
			t.Errorf("%s: the client took %q for whole (%v)", name, body, err)
		}
	}
}

func TestAPanicIsAnInternalErrorAndLogged(t *testing.T) {
	var out bytes.Buffer
	s := serve(t, slog.New(slog.NewTextHandler(&out, nil)), func(c *gateway.Call) error { panic("the reason") })
	res, body, err := get(s)
	if err != nil || res.StatusCode != 500 || strings.Contains(body, "the reason") {
		t.Errorf("got %v %s %v", res, body, err)
	}
	s.Close() // the log is ours from here on
	if log := out.String(); !strings.Contains(log, "the reason") || !strings.Contains(log, res.Header.Get("X-Request-Id")) {
		t.Errorf("log is %s", log)
	}
}

func TestOnlyInternalErrorsAreLoggedAsErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		logged bool
	}{
		{errors.New("the cause"), true},
		{rouse.Errorf(rouse.Throttled, "queue full"), false},
		{gateway.ErrClientGone, false},
	} {
		var out bytes.Buffer
		s := serve(t, slog.New(slog.NewTextHandler(&out, nil)), func(c *gateway.Call) error { return tt.err })
		get(s)
		s.Close()
		if got := out.Len() > 0; got != tt.logged {
			t.Errorf("%v: log is %q", tt.err, out.String())
		}
	}
}

func TestAClientThatLeftIsNotAnswered(t *testing.T) {
	entered := make(chan struct{})
	var out bytes.Buffer
	s := serve(t, slog.New(slog.NewTextHandler(&out, nil)), func(c *gateway.Call) error {
		close(entered)
		<-c.Request.Context().Done()
		return c.Request.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	done := make(chan error)
	go func() { _, err := s.Client().Do(r); done <- err }()
	<-entered
	cancel()
	<-done
	s.Close()
	if out.Len() != 0 {
		t.Errorf("log is %s", &out)
	}
}

func TestWritersKeepTheAbilitiesBelow(t *testing.T) {
	s := serve(t, quiet, func(c *gateway.Call) error {
		c.Writer.WriteHeader(http.StatusEarlyHints)
		if gateway.Sent(c.Writer) != 0 {
			t.Error("an informational status counts as the answer")
		}
		conn, _, err := c.Writer.(http.Hijacker).Hijack()
		if err != nil {
			return err
		}
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nraw")
		conn.Close()
		return rouse.Errorf(rouse.FunctionError, "after the hijack nothing may be written")
	})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n")
	all, _ := io.ReadAll(bufio.NewReader(conn))
	if !strings.HasSuffix(string(all), "101 Switching Protocols\r\n\r\nraw") {
		t.Errorf("got %q", all)
	}
}

func TestSentKnowsWhatWentOut(t *testing.T) {
	s := serve(t, quiet, func(c *gateway.Call) error {
		if n, err := c.Writer.(io.ReaderFrom).ReadFrom(strings.NewReader("body")); n != 4 || err != nil {
			t.Errorf("ReadFrom: %d, %v", n, err)
		}
		c.Writer.WriteHeader(500) // too late
		if got := gateway.Sent(c.Writer); got != 200 {
			t.Errorf("Sent = %d", got)
		}
		return nil
	})
	if _, body, err := get(s); body != "body" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	if got := gateway.Sent(httptest.NewRecorder()); got != 0 {
		t.Errorf("Sent of a foreign writer = %d", got)
	}
}
