package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rousehq/rouse"
)

// scripted is a server that answers each connection with one of the scripts,
// the last of them again and again. A script answers requests that were read
// whole; ending closes the connection.
func scripted(t *testing.T, scripts ...func(conn net.Conn, r *bufio.Reader)) (*Target, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			script := scripts[min(int(conns.Add(1)), len(scripts))-1]
			script(conn, bufio.NewReader(conn))
			conn.Close()
		}
	}()
	target := New(rouse.Endpoint{Dial: dialer(l.Addr().String()), Process: newProcess()}, Options{})
	t.Cleanup(func() { target.Close(); l.Close(); <-ended })
	return target, &conns
}

// skip reads one request.
func skip(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// answers sends text to every request until the client closes.
func answers(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		for skip(r) {
			io.WriteString(conn, text)
		}
	}
}

// answersOnce sends text to the first request and closes.
func answersOnce(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		skip(r)
		io.WriteString(conn, text)
	}
}

func request(ctx context.Context, t *testing.T, method, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://function/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// seen is what a caller sees of an answer.
type seen struct {
	Status   int
	Header   http.Header
	Body     string
	Trailer  http.Header
	Early    []int
	Failed   bool
	BodyFell bool
}

func see(t *testing.T, rt http.RoundTripper, method string) (s seen) {
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { s.Early = append(s.Early, code); return nil },
	})
	res, err := rt.RoundTrip(request(ctx, t, method, "body"))
	if err != nil {
		s.Failed = true
		return s
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	s.Status, s.Header, s.Body, s.Trailer, s.BodyFell = res.StatusCode, res.Header, string(b), res.Trailer, err != nil
	return s
}

func TestADirectExchangeIsLikeTheTransports(t *testing.T) {
	for name, text := range map[string]string{
		"length":           hello,
		"chunked":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"trailers":         "HTTP/1.1 200 OK\r\nTrailer: Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 1\r\n\r\n",
		"until the end":    "HTTP/1.1 200 OK\r\n\r\nall there is",
		"old":              "HTTP/1.0 200 OK\r\n\r\nall there is",
		"nothing":          "HTTP/1.1 204 No Content\r\n\r\n",
		"empty":            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"continue":         "HTTP/1.1 100 Continue\r\n\r\n" + hello,
		"early hints":      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + hello,
		"repeated headers": "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n",
		"short":            "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
		"cut chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
		"garbage":          "I am no HTTP server\r\n\r\n",
		"half a head":      "HTTP/1.1 200 OK\r\nContent-Le",
		"silence":          "",
		"many early hints": strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100) + hello,
		"two lengths":      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "POST", "HEAD"} {
				if head, _, whole := strings.Cut(text, "\r\n\r\n"); method == "HEAD" && whole {
					text = head + "\r\n\r\n" // which is all that it asks for
				}
				target, _ := scripted(t, answersOnce(text))
				got := see(t, target, method)
				want := see(t, target.transport, method)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %+v, want %+v", method, got, want)
				}
			}
		})
	}
}

func TestAnUpgradeThatNobodyAskedForIsAnError(t *testing.T) {
	target, _ := scripted(t, answersOnce("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
	if s := see(t, target, "GET"); !s.Failed {
		t.Errorf("got %+v", s)
	}
}

func TestConnectionsAreKeptForTheNextRequest(t *testing.T) {
	target, conns := scripted(t, answers(hello))
	for _, method := range []string{"GET", "POST", "POST", "GET"} {
		if s := see(t, target, method); s.Body != "hello" {
			t.Fatalf("%s: got %+v", method, s)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestAConnectionThatTheServerHasClosedIsNotUsed(t *testing.T) {
	closed := make(chan struct{})
	target, conns := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		answersOnce(hello)(conn, r)
		conn.Close()
		close(closed)
	}, answers(hello))
	if s := see(t, target, "POST"); s.Body != "hello" {
		t.Fatalf("got %+v", s)
	}
	<-closed
	if s := see(t, target, "POST"); s.Body != "hello" {
		t.Fatalf("got %+v", s)
	}
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestOnlyWhatIsSafeToRepeatIsSentAgain(t *testing.T) {
	// The server takes the second request and closes without a word.
	silent := func(conn net.Conn, r *bufio.Reader) {
		skip(r)
		io.WriteString(conn, hello)
		skip(r)
	}
	for method, fails := range map[string]bool{"GET": false, "POST": true} {
		target, _ := scripted(t, silent, answers(hello))
		see(t, target, method)
		if s := see(t, target, method); s.Failed != fails {
			t.Errorf("%s: got %+v", method, s)
		}
	}
}

func TestARefusalIsReadAlthoughTheServerDidNotReadTheRequest(t *testing.T) {
	refusal := "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
	target, _ := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		r.ReadString('\n')
		io.WriteString(conn, refusal)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, r)
	})
	if s := see(t, target, "POST"); s.Status != 413 || s.Body != "no" {
		t.Errorf("got %+v", s)
	}
}

func TestTheEndOfTheRequestsTimeEndsTheExchange(t *testing.T) {
	for name, text := range map[string]string{"before the head": "", "within the body": "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			target, _ := scripted(t, func(conn net.Conn, r *bufio.Reader) {
				skip(r)
				io.WriteString(conn, text)
				if text == "" {
					cancel()
				}
				r.ReadByte() // until the client hangs up
			})
			res, err := target.RoundTrip(request(ctx, t, "POST", "body"))
			if text == "" {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := io.ReadAll(res.Body); err == nil {
				t.Error("the body came to an end")
			}
			res.Body.Close()
		})
	}
}

func TestAnAnswerThatIsNotReadTakesItsConnectionWithIt(t *testing.T) {
	target, conns := scripted(t, answers(hello))
	res, err := target.RoundTrip(request(t.Context(), t, "GET", ""))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if s := see(t, target, "GET"); s.Body != "hello" || conns.Load() != 2 {
		t.Errorf("got %+v on connection %d", s, conns.Load())
	}
}

func TestWhatComesBehindAnAnswerIsNotTheNextOne(t *testing.T) {
	target, _ := scripted(t, answers(hello+hello), answers(hello))
	for range 3 {
		if s := see(t, target, "POST"); s.Body != "hello" {
			t.Fatalf("got %+v", s)
		}
	}
}

func TestAHeadWithoutAnEndIsAnError(t *testing.T) {
	endless := bytes.Repeat([]byte("X-Filler: "+strings.Repeat("x", 1000)+"\r\n"), 3000)
	target, _ := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		skip(r)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		conn.Write(endless)
	})
	if _, err := target.RoundTrip(request(t.Context(), t, "GET", "")); !errors.Is(err, errHeadTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestConnectionsOfAnEarlierProcessAreNotKept(t *testing.T) {
	target, conns := scripted(t, answers(hello))
	res, err := target.RoundTrip(request(t.Context(), t, "GET", ""))
	if err != nil {
		t.Fatal(err)
	}
	target.Reset()
	io.ReadAll(res.Body)
	res.Body.Close()
	if s := see(t, target, "GET"); s.Body != "hello" || conns.Load() != 2 {
		t.Errorf("got %+v on connection %d", s, conns.Load())
	}
}

func TestIdleConnectionsAreClosedAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			answers(hello)(far, bufio.NewReader(far))
		}()
		ep := rouse.Endpoint{Process: newProcess(), Dial: func(context.Context) (net.Conn, error) { return near, nil }}
		target := New(ep, Options{})
		defer target.Close()
		began := time.Now()
		if s := see(t, target, "POST"); s.Body != "hello" {
			t.Fatalf("got %+v", s)
		}
		<-served
		if after := time.Since(began); after != idleTime {
			t.Errorf("closed after %s, want %s", after, idleTime)
		}
	})
}
