package lane_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse/gateway/lane"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inLane is a header that says who served an answer.
const inLane = "X-Lane"

// site is an http.Server with a lane, whose requests are the POSTs below /lane/.
type site struct {
	addr   string
	lane   *lane.Lane
	server *http.Server
}

func open(t testing.TB, idle time.Duration, h http.Handler) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	quick := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(inLane, "yes")
		h.ServeHTTP(w, r)
	})
	s := &site{addr: l.Addr().String()}
	s.lane = lane.New(lane.Config{
		Pick: func(r *http.Request) http.Handler {
			if strings.HasPrefix(r.URL.Path, "/lane/") {
				return quick
			}
			return nil
		},
		Other: h, Idle: idle, Log: slog.New(slog.DiscardHandler),
	})
	s.server = &http.Server{Handler: s.lane, ReadHeaderTimeout: idle, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	served := make(chan error, 2)
	go func() { served <- s.server.Serve(l) }()
	go func() { served <- s.server.Serve(s.lane) }()
	t.Cleanup(func() {
		s.server.Close()
		ended, cancel := context.WithCancel(context.Background())
		cancel() // whoever is left is not waited for
		s.lane.Shutdown(ended)
		s.lane.Shutdown(context.Background())
		for range 2 {
			if err := <-served; err != http.ErrServerClosed {
				t.Error(err)
			}
		}
	})
	return s
}

// client is a connection, and what comes from it.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

func (s *site) dial(t testing.TB) *client {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		c.t.Fatal(err)
	}
}

// answer is the next one, with its body.
func (c *client) answer() (*http.Response, string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r, string(b)
}

// ended waits for the connection's end and fails when something else comes.
func (c *client) ended() {
	c.t.Helper()
	if b, err := io.ReadAll(c.in); err == nil && len(b) > 0 {
		c.t.Fatalf("more came: %q", b)
	}
}

// post is a request with a body.
func post(path, body string, headers ...string) string {
	head := "POST " + path + " HTTP/1.1\r\nHost: rouse\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "\r\n" + body
}

// echo answers with what it was sent.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
})
