package limit_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve puts the station before next on a real listener.
func serve(t *testing.T, contract rouse.Contract, l limit.Limits, next gateway.Handler) *httptest.Server {
	t.Helper()
	station := limit.Station(l)(next)
	s := httptest.NewServer(gateway.Entry(func(c *gateway.Call) error {
		c.Revision = &rouse.Revision{Spec: rouse.Spec{Contract: contract}}
		return station(c)
	}, slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		s.Client().CloseIdleConnections()
		s.Close()
	})
	return s
}

// unsized hides a body's length from the client, which then sends chunks.
type unsized struct{ io.Reader }

func post(t *testing.T, s *httptest.Server, body io.Reader) (int, string) {
	t.Helper()
	res, err := s.Client().Post(s.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

func echoBody(c *gateway.Call) error { c.Writer.Write(c.Body); return nil }

func TestEventsAreReadWholeUpToTheLimit(t *testing.T) {
	s := serve(t, rouse.ContractLambda, limit.Limits{Event: 100_000}, echoBody)
	for _, size := range []int{0, 1, 511, 512, 513, 65_536, 65_537, 99_999, 100_000, 100_001, 300_000} {
		body := strings.Repeat("x", size)
		for name, r := range map[string]io.Reader{"sized": strings.NewReader(body), "chunked": unsized{strings.NewReader(body)}} {
			status, got := post(t, s, r)
			switch {
			case size <= 100_000 && (status != 200 || got != body):
				t.Errorf("%s %d: status %d, %d bytes", name, size, status, len(got))
			case size > 100_000 && (status != 413 || !strings.Contains(got, "too_large")):
				t.Errorf("%s %d: status %d, body %.100s", name, size, status, got)
			}
		}
	}
}

// dial sends a request's beginning on a connection of its own.
func dial(t *testing.T, s *httptest.Server, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, text)
	return conn
}

func TestAnAnnouncedExcessIsRefusedBeforeAnyOfItCame(t *testing.T) {
	for _, contract := range []rouse.Contract{rouse.ContractLambda, rouse.ContractHTTP} {
		s := serve(t, contract, limit.Limits{Event: 10, Body: 10}, func(*gateway.Call) error {
			t.Error("the call went on")
			return nil
		})
		conn := dial(t, s, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
		answer := make([]byte, 64)
		n, _ := conn.Read(answer)
		if !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 413") {
			t.Errorf("%s: %q", contract, answer[:n])
		}
	}
}

func TestSlowBodiesEndInTime(t *testing.T) {
	s := serve(t, rouse.ContractLambda, limit.Limits{Slow: 50 * time.Millisecond}, func(*gateway.Call) error {
		t.Error("the call went on")
		return nil
	})
	conn := dial(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	answer, err := io.ReadAll(conn) // until the server closes
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) || !bytes.Contains(answer, []byte("not received within 50ms")) {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestTheDeadlineOfABodyDoesNotOutliveIt(t *testing.T) {
	s := serve(t, rouse.ContractLambda, limit.Limits{Slow: 200 * time.Millisecond}, func(c *gateway.Call) error {
		<-c.Request.Context().Done() // ended by an expired deadline, or by the client below
		return gateway.ErrClientGone
	})
	conn := dial(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
	conn.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("the server ended the call: %v", err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func TestAHalfClosedClientHoldsNothing(t *testing.T) {
	s := serve(t, rouse.ContractLambda, limit.Limits{}, func(*gateway.Call) error {
		t.Error("the call went on")
		return nil
	})
	conn := dial(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	conn.(*net.TCPConn).CloseWrite()
	if answer, err := io.ReadAll(conn); err != nil || len(answer) != 0 {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestBrokenFramingIsTheClientsFault(t *testing.T) {
	s := serve(t, rouse.ContractLambda, limit.Limits{}, echoBody)
	conn := dial(t, s, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	if answer, _ := io.ReadAll(conn); !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) || !bytes.Contains(answer, []byte(`"code":"invalid"`)) {
		t.Errorf("got %q", answer)
	}
}

func TestStreamedBodiesAreCountedOnTheirWay(t *testing.T) {
	// A station behind sees the limit only as the error of its own reading.
	read := func(c *gateway.Call) error {
		b, err := io.ReadAll(c.Request.Body)
		if err != nil {
			return errors.New("copying to the function failed")
		}
		c.Writer.Write(b)
		return nil
	}
	s := serve(t, rouse.ContractHTTP, limit.Limits{Body: 1000}, read)
	for _, size := range []int{0, 999, 1000, 1001, 100_000} {
		body := strings.Repeat("x", size)
		for name, r := range map[string]io.Reader{"sized": strings.NewReader(body), "chunked": unsized{strings.NewReader(body)}} {
			status, got := post(t, s, r)
			switch {
			case size <= 1000 && (status != 200 || got != body):
				t.Errorf("%s %d: status %d, %d bytes", name, size, status, len(got))
			case size > 1000 && (status != 413 || !strings.Contains(got, "limit of 1000")):
				t.Errorf("%s %d: status %d, body %.100s", name, size, status, got)
			}
		}
	}
}
