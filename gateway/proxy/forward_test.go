package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestARequestIsForwardedAsItCame(t *testing.T) {
	var got *http.Request
	var body string
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		w.Header().Set("X-Answer", "yes")
		w.Header().Set("X-Request-Id", "the function's own")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.WriteHeader(418)
		io.WriteString(w, "teapot")
	})
	f := newFront(t, s)
	f.prefix = "/fn/fn"
	req := request(t, "PATCH", f.URL+"/a%2fb/%41//c?x=1&&y=%zz", strings.NewReader("sent"))
	req.Header.Set("X-Forwarded-For", "10.0.0.1")
	req.Header.Set("X-Forwarded-Proto", "https")
	req.Header.Set("X-Forwarded-Prefix", "/evil")
	req.Header.Set("Keep-Alive", "timeout=5")
	req.Header["User-Agent"] = nil
	req.Host = "shop.example"
	res, answer := do(t, req)
	if res.StatusCode != 418 || answer != "teapot" || res.Header.Get("X-Answer") != "yes" {
		t.Errorf("got %d %q %v", res.StatusCode, answer, res.Header)
	}
	if len(res.Header["X-Request-Id"]) != 1 || res.Header.Get("X-Request-Id") == "the function's own" || res.Header.Get("X-Hop") != "" {
		t.Errorf("answer's header: %v", res.Header)
	}
	if got.Method != "PATCH" || got.RequestURI != "/a%2fb/%41//c?x=1&&y=%zz" || body != "sent" || got.Host != "shop.example" || got.ContentLength != 4 {
		t.Errorf("got %s %s %q to %s, %d bytes", got.Method, got.RequestURI, body, got.Host, got.ContentLength)
	}
	for name, want := range map[string][]string{
		"X-Forwarded-For":    {"10.0.0.1, 127.0.0.1"},
		"X-Forwarded-Proto":  {"https"}, // a proxy on this machine is believed
		"X-Forwarded-Host":   {"shop.example"},
		"X-Forwarded-Prefix": {"/fn/fn"},
		"Keep-Alive":         nil,
		"User-Agent":         nil,
		"Accept-Encoding":    {"gzip"}, // the client's transport's own
	} {
		if !reflect.DeepEqual(got.Header[name], want) {
			t.Errorf("%s: %q, want %q", name, got.Header[name], want)
		}
	}
	if err := f.wantReleased(t, 1); err != nil {
		t.Error(err)
	}
}

func TestAPathWithTwoSlashesIsNotAHost(t *testing.T) {
	var uri string
	s, _ := newServer(t, func(_ http.ResponseWriter, r *http.Request) { uri = r.RequestURI })
	f := newFront(t, s)
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET //x/%%2f?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	io.Copy(io.Discard, conn)
	if uri != "//x/%2f?q" {
		t.Fatalf("got %q", uri)
	}
}

func TestWhatTheFunctionFlushesArrivesAtOnce(t *testing.T) {
	next := make(chan string)
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for line := range next {
			io.WriteString(w, line)
			w.(http.Flusher).Flush()
		}
	})
	f := newFront(t, s)
	res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil)) // the header alone
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	for i := range 3 {
		next <- fmt.Sprintf("data: %d\n", i)
		if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatal(line, err)
		}
		select {
		case <-f.released:
			t.Fatal("released in the middle of the stream")
		default:
		}
	}
	close(next)
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatal(err)
	}
	f.wantReleased(t, 1)
}

func TestARequestsBodyStreamsUpBeforeItEnds(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		line := make([]byte, 4)
		io.ReadFull(r.Body, line)
		w.Write(line)
		w.(http.Flusher).Flush()
		rest, _ := io.ReadAll(r.Body)
		w.Write(rest)
	})
	f := newFront(t, s)
	body, feed := io.Pipe()
	go io.WriteString(feed, "ping")
	res, err := http.DefaultTransport.RoundTrip(request(t, "POST", f.URL, body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := make([]byte, 4)
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != "ping" {
		t.Fatal(string(got), err)
	}
	feed.Close()
	io.Copy(io.Discard, res.Body)
	f.wantReleased(t, 1)
}

func TestTrailersPassBothWays(t *testing.T) {
	var sent http.Header
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		sent = r.Trailer
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "abc")
		w.Header().Set("X-Sum", "123")
		w.Header().Set(http.TrailerPrefix+"X-Late", "l")
	})
	f := newFront(t, s)
	req := request(t, "POST", f.URL, struct{ io.Reader }{strings.NewReader("x")})
	req.Trailer = http.Header{"X-Up": {"1"}}
	res, body := do(t, req)
	if body != "abc" || res.Trailer.Get("X-Sum") != "123" || res.Trailer.Get("X-Late") != "l" {
		t.Errorf("%q %v", body, res.Trailer)
	}
	if sent.Get("X-Up") != "1" {
		t.Errorf("the function got %v", sent)
	}
}

func TestEarlyHintsPassOn(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(103)
		w.Header().Del("Link")
		io.WriteString(w, "done")
	})
	f := newFront(t, s)
	var early []string
	req := request(t, "GET", f.URL, nil)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			early = append(early, fmt.Sprint(code, h.Get("Link")))
			return nil
		}}))
	res, body := do(t, req)
	if !reflect.DeepEqual(early, []string{"103</a.css>"}) || body != "done" || res.Header.Get("Link") != "" {
		t.Fatalf("%v, then %q %v", early, body, res.Header)
	}
}

func TestAClientThatLeavesCancelsTheRequest(t *testing.T) {
	begun, cancelled := make(chan struct{}), make(chan struct{})
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(cancelled)
	})
	f := newFront(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil).WithContext(ctx)); err == nil {
		t.Fatal("an answer")
	}
	<-cancelled
	if err := f.wantReleased(t, 1); errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
}

func TestTheTimeoutEndsAtTheHeader(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(200 * time.Millisecond):
				io.WriteString(w, "late")
			}
			return
		}
		<-r.Context().Done()
	})
	f := newFront(t, s)
	f.timeout = 50 * time.Millisecond
	res, body := do(t, request(t, "GET", f.URL, nil))
	if res.StatusCode != 504 || !strings.Contains(body, `"code":"timeout"`) || !strings.Contains(body, "50ms") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	f.wantReleased(t, 1)
	if res, body = do(t, request(t, "GET", f.URL+"/stream", nil)); res.StatusCode != 200 || body != "late" {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
}

func TestASmallBodyThatStopsShortEndsWithTheTimeoutOrTheClient(t *testing.T) {
	s, _ := newServer(t, func(http.ResponseWriter, *http.Request) { t.Error("the function got half a body") })
	f := newFront(t, s)
	f.timeout = 50 * time.Millisecond
	for n, leave := range []bool{false, true} {
		conn, err := net.Dial("tcp", f.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
		if leave {
			conn.Close()
		} else if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 504 {
			t.Fatal(res, err)
		}
		<-f.released
		if len(f.releases) != n+1 || errors.Is(f.releases[n], rouse.ErrBroken) {
			t.Fatal(f.releases)
		}
	}
}

func TestAFunctionThatHangsUpIs502(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	f := newFront(t, s)
	res, body := do(t, request(t, "POST", f.URL, strings.NewReader("x")))
	if res.StatusCode != 502 || !strings.Contains(body, `"code":"function_error"`) {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	f.wantReleased(t, 1)
}

func TestHalfAnAnswerIsNotTakenForAWholeOne(t *testing.T) {
	for _, length := range []string{"", "10"} {
		s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		f := newFront(t, s)
		res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL, nil))
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Errorf("length %q: a whole answer", length)
		}
		f.wantReleased(t, 1)
	}
}

// explaining is a target that knows that its process has died.
type explaining struct{ *server }

func (explaining) Explain(err error) error {
	return &rouse.Error{Code: rouse.FunctionError, Message: "exit status 9", Cause: errors.Join(rouse.ErrBroken, err)}
}

func TestADeadProcessBreaksTheLeaseWithItsReason(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	})
	f := newFront(t, explaining{s})
	res, body := do(t, request(t, "POST", f.URL, nil))
	if res.StatusCode != 502 || !strings.Contains(body, "exit status 9") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if err := f.wantReleased(t, 1); !errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
	if res, err := http.DefaultTransport.RoundTrip(request(t, "GET", f.URL+"/half", nil)); err == nil {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	<-f.released
	if err := f.releases[1]; !errors.Is(err, rouse.ErrBroken) {
		t.Fatal(err)
	}
}

func TestAnUpgradedConnectionCarriesBytesBothWaysUntilOneSideCloses(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" || r.Header.Get("Connection") != "Upgrade" {
			t.Errorf("the function got %v", r.Header)
		}
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Own: 1\r\n\r\nhello\n")
		io.Copy(conn, buf)
	})
	f := newFront(t, s)
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\nearly\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Upgrade") != "echo" || res.Header.Get("X-Own") != "1" || res.Header.Get("X-Rouse-Start") != "warm" || res.Header.Get("X-Request-Id") == "" {
		t.Fatal(res, err)
	}
	for _, want := range []string{"hello\n", "early\n"} {
		if line, err := r.ReadString('\n'); err != nil || line != want {
			t.Fatal(line, err)
		}
	}
	for i := range 3 {
		fmt.Fprintf(conn, "%d\n", i)
		if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("%d\n", i) {
			t.Fatal(line, err)
		}
	}
	select {
	case <-f.released:
		t.Fatal("released while it is open")
	default:
	}
	conn.Close()
	f.wantReleased(t, 1)
}

func TestAnUpgradeThatNobodyAskedForIs502(t *testing.T) {
	s, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
		io.Copy(io.Discard, conn)
	})
	f := newFront(t, s)
	if res, body := do(t, request(t, "GET", f.URL, nil)); res.StatusCode != 502 || !strings.Contains(body, "switched to protocol") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	f.wantReleased(t, 1)
}
