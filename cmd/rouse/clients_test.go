package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// dialed is a client that says what it likes.
type dialed struct {
	t  *testing.T
	nc *net.TCPConn
}

func (s *server) dial() dialed {
	s.t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { nc.Close() })
	return dialed{s.t, nc.(*net.TCPConn)}
}

func (d dialed) say(format string, args ...any) {
	d.t.Helper()
	if _, err := fmt.Fprintf(d.nc, format, args...); err != nil {
		d.t.Error(err)
	}
}

// hear reads one answer.
func (d dialed) hear() reply {
	d.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(d.nc), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	r, err := readReply(resp)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// ended waits for the server to end the connection.
func (d dialed) ended() {
	d.t.Helper()
	if _, err := io.Copy(io.Discard, d.nc); err != nil && !strings.Contains(err.Error(), "reset") {
		d.t.Error(err)
	}
}

func TestBodiesOverTheLimitAreRefusedBeforeTheyAreRead(t *testing.T) {
	s := serve(t, "--max-event", "1MB", "--max-body", "2MB")
	w := world{server: s}
	w.rogue("f")
	w.rogue("web", "--contract", "http")
	for name, limit := range map[string]string{"f": "1MB", "web": "2MB"} {
		announced := s.dial()
		announced.say("POST /fn/%s/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", name)
		s.refused(announced.hear(), rouse.TooLarge, "limit of "+limit)

		// One that does not say how long it is is cut at the limit.
		endless := s.dial()
		endless.say("POST /fn/%s/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", name)
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat("x", 64<<10))
		go func() {
			for {
				if _, err := io.WriteString(endless.nc, chunk); err != nil {
					return
				}
			}
		}()
		s.refused(endless.hear(), rouse.TooLarge, "limit of "+limit)
		endless.nc.Close()
		s.do(name, order{})
	}
	// Within the limit as a body, and over it as the event that it becomes.
	binary := s.dial()
	binary.say("POST /fn/f/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 900<<10, strings.Repeat("\xff", 900<<10))
	s.refused(binary.hear(), rouse.TooLarge, "event of")
	s.do("f", order{})
}

func TestSlowAndHalfClosedClientsHoldNoInstance(t *testing.T) {
	s := serve(t, "--slow-body", "300ms")
	w := world{server: s}
	w.rogue("f", "--max-instances", "1", "--queue", "0")

	slow := s.dial()
	slow.say("POST /fn/f/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	left := s.dial() // goes away in the middle of its body
	left.say("POST /fn/f/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	left.nc.Close()
	s.do("f", order{}) // the only instance is free
	s.refused(slow.hear(), rouse.Invalid, "not received within 300ms")
	slow.ended()

	// A client that has said all may close its side and still get its answer.
	half := s.dial()
	half.say("POST /fn/f/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
	if err := half.nc.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r := half.hear(); r.status != http.StatusOK {
		t.Errorf("half-closed: status %d\n%s", r.status, r.body)
	}

	silent := s.dial()
	silent.say("GET /fn/f/ HT")
	garbage := s.dial()
	garbage.say("\x16\x03\x01\x00\r\n\r\n")
	if err := garbage.nc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	garbage.ended()
	s.do("f", order{})
}

func TestAClientThatLeavesDoesNotDisturbAStartOrAnEvent(t *testing.T) {
	s := serve(t)
	w := world{server: s}
	w.rogue("f", "--no-wait", "--max-instances", "1", "--env", "INIT=200")
	impatient := s.dial()
	impatient.say("POST /fn/f/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	impatient.nc.Close()
	if r := s.do("f", order{}); r.header.Get("X-Rouse-Start") != "cold" {
		t.Errorf("start: %s", r.header.Get("X-Rouse-Start"))
	}

	gate := newGate(t)
	event := fmt.Sprintf(`{"do":"gate","text":%q}`, gate)
	leaves := s.dial()
	leaves.say("POST /fn/f/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(event), event)
	s.waitForLog("f", "at the gate")
	leaves.nc.Close()
	openGate(t, gate)
	if r := s.do("f", order{}); r.Calls != 3 {
		t.Errorf("the event of the client that left was not finished: %+v", r)
	}
}
