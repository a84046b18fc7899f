package lane_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// behaviours are handlers' ways to answer, by the end of the path.
var behaviours = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, way, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	h := w.Header()
	switch way {
	case "none":
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "x"); err != http.ErrBodyNotAllowed {
			fmt.Println("a body was allowed:", err)
		}
	case "empty":
	case "status":
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "teapot")
	case "pieces":
		io.WriteString(w, "one, ")
		io.WriteString(w, "<html>two</html>")
	case "sniffed":
		io.WriteString(w, "<html><body>a page</body></html>")
	case "large":
		b := strings.Repeat("large ", 100<<10)
		h.Set("Content-Length", strconv.Itoa(len(b)))
		io.WriteString(w, b)
	case "announced":
		h.Set("Content-Length", "8")
		io.WriteString(w, "in ")
		io.WriteString(w, "parts")
		if _, err := io.WriteString(w, "!"); err != http.ErrContentLength {
			fmt.Println("more than was announced:", err)
		}
	case "odd":
		h["x-lower"] = []string{"a", "b\r\nX-Injected: c"}
		io.WriteString(w, "odd")
	case "closes":
		h.Set("Connection", "close")
		io.WriteString(w, "bye")
	case "dated":
		h.Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		io.WriteString(w, "old")
	case "head":
		fmt.Fprint(w, r.Method, r.RequestURI, r.Host, r.Proto, r.ContentLength, r.Header["Content-Length"], r.Header["Host"], r.Header["X-Two"], r.Form, r.RemoteAddr != "")
	default:
		echo(w, r)
	}
})

// answers is what a server says to raw, one connection after another's end.
func (s *site) answers(t testing.TB, raw string) string {
	c := s.dial(t)
	go func() {
		io.WriteString(c, raw)
		c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	var all strings.Builder
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return all.String()
		}
		body, err := io.ReadAll(r.Body)
		r.Header.Del(inLane)
		if r.Header.Get("Date") != "Thu, 01 Jan 1970 00:00:00 GMT" {
			r.Header.Del("Date")
		}
		var lines []string
		for name, values := range r.Header {
			lines = append(lines, fmt.Sprintf("%s: %q", name, values))
		}
		slices.Sort(lines)
		fmt.Fprintf(&all, "%s %d\n%s\nclose %v, %d bytes, %v: %.200q\n\n", r.Status, r.ContentLength, strings.Join(lines, "\n"), r.Close, len(body), err, body)
	}
}

var oddRequests = []string{
	post("/%s/echo", "hello"),
	post("/%s/echo", ""),
	post("/%s/none", ""), post("/%s/empty", "x"), post("/%s/status", "x"), post("/%s/pieces", ""), post("/%s/sniffed", ""),
	post("/%s/large", ""), post("/%s/announced", ""), post("/%s/odd", ""), post("/%s/closes", "x"), post("/%s/dated", ""),
	post("/%s/head?a=b%%20c", "x", "X-Two: 1", "x-two: 2", "Connection: keep-alive"),
	post("/%s/echo", strings.Repeat("long ", 100<<10)),
	post("/%s/echo", "x", "X-Long: "+strings.Repeat("y", 6000)),
	post("/%s/echo", "x", "Connection: close"), post("/%s/echo", "x", "Connection: Keep-Alive"), post("/%s/echo", "x", "Connection: keep-alive, x-two"),
	post("/%s/echo", "x", "Expect: 100-continue"),
	post("/%s/echo", "x", "Upgrade: h2c", "Connection: upgrade"),
	post("/%s/echo", "x", "Host: another"),
	post("/%s/echo", "x", "Content-Length: 7"),
	post("/%s/echo", "xx", "Content-Length: 2"),
	post("/%s/echo", "x", "Transfer-Encoding: chunked"),
	post("/%s/echo", "x", "X Y: z"), post("/%s/echo", "x", "X\x01: z"), post("/%s/echo", "x", "X: \x00"), post("/%s/echo", "x", " folded: y"), post("/%s/echo", "x", "X: a\n b"),
	post("/%s/echo", "x", "X:\xff\xfe"), post("/%s/echo", "x", ":"), post("/%s/echo", "x", "x"),
	"POST /%s/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"POST /%s/echo HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost: a/b\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost : a\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.0\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx",
	"POST /%s/echo HTTP/2.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\nHost: a\nContent-Length: 1\n\nx",
	"POST http://b/%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo?% HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/%zz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"POST  /%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
	"POST /%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx",
	"post /%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"GET /%s/echo HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /%s/none HTTP/1.1\r\nHost: a\r\n\r\n",
	"PUT /%s/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
	"\r\n" + post("/%s/echo", "x"),
	"\r\n\r\n", "\r000", "\n", "x",
	"nonsense\r\n\r\n",
	"POST /%s/echo HTTP/1.1\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

// The same bytes have the same answers, whoever gives them.
func TestNobodyCanTellTheLaneFromTheServer(t *testing.T) {
	s := open(t, long, behaviours)
	for _, odd := range oddRequests {
		plain := post("/%s/echo", "fine")
		for _, raw := range []string{odd, plain + odd, plain + odd + plain, plain + plain + odd + odd} {
			with := s.answers(t, strings.ReplaceAll(raw, "/%s/", "/lane/"))
			without := s.answers(t, strings.ReplaceAll(raw, "/%s/", "/main/"))
			if with = strings.ReplaceAll(with, "/lane/", "/main/"); with != without {
				t.Errorf("to %.300q\nthe lane says\n%s\nthe server says\n%s", raw, with, without)
			}
		}
	}
}

func FuzzNobodyCanTellTheLaneFromTheServer(f *testing.F) {
	for _, odd := range oddRequests {
		f.Add(odd)
	}
	s := open(f, long, behaviours)
	f.Fuzz(func(t *testing.T, odd string) {
		if strings.Contains(odd, "/lane/") || strings.Contains(odd, "/main/") {
			t.Skip()
		}
		raw := post("/%s/echo", "fine") + odd
		with := s.answers(t, strings.ReplaceAll(raw, "/%s/", "/lane/"))
		without := s.answers(t, strings.ReplaceAll(raw, "/%s/", "/main/"))
		if with = strings.ReplaceAll(with, "/lane/", "/main/"); with != without {
			t.Errorf("to %q\nthe lane says\n%s\nthe server says\n%s", raw, with, without)
		}
	})
}
