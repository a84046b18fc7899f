package gateway_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse/gateway"
)

// The server reads the rest of a body before it lets go of a connection, so a
// body that is late has to end that as well.
func TestABodyThatDoesNotComeEndsItsConnection(t *testing.T) {
	s := serve(t, quiet, func(c *gateway.Call) error {
		_, err := gateway.ReadBody(c, 10, 20*time.Millisecond)
		return err
	})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhal")
	if b, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 400") || !strings.Contains(string(b), "not received within 20ms") {
		t.Errorf("got %q, %v", b, err)
	}
}

// over is a body whose limit another station watches.
type over struct{ io.ReadCloser }

func (over) Read([]byte) (int, error) { return 0, gateway.TooLarge(3) }

func TestABodysOwnLimitIsTold(t *testing.T) {
	s := serve(t, quiet, func(c *gateway.Call) error {
		c.Request.Body = over{c.Request.Body}
		_, err := gateway.ReadBody(c, 10, time.Minute)
		return err
	})
	res, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("status %d", res.StatusCode)
	}
}
