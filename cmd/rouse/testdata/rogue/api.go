package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const base = "/2018-06-01/runtime/invocation/"

// api is one connection to the Runtime API.
type api struct {
	addr string
	nc   net.Conn
	r    *bufio.Reader
	id   string // of the event in hand
	said any    // what is to be told with the next answer
}

func newAPI(addr string) *api {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		fail(err)
	}
	return &api{addr: addr, nc: nc, r: bufio.NewReader(nc)}
}

func (a *api) serve() error {
	for {
		event, err := a.next()
		if err != nil {
			return err
		}
		o := readOrder(event)
		value := a.misbehave(o)
		if value == nil {
			value, err = do(o)
		}
		if err != nil {
			value = err.Error()
		}
		if status := a.respond(a.id, answer(value)); status != 202 && status != 413 {
			return fmt.Errorf("the answer was taken with status %d", status)
		}
		if o.Do == "twice" {
			a.said = a.respond(a.id, []byte(`"again"`))
		}
	}
}

func (a *api) next() ([]byte, error) {
	fmt.Fprintf(a.nc, "GET %snext HTTP/1.1\r\nHost: %s\r\n\r\n", base, a.addr)
	resp, err := http.ReadResponse(a.r, nil)
	if err != nil {
		return nil, err
	}
	a.id = resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
	return io.ReadAll(resp.Body)
}

func (a *api) respond(id string, body []byte) int {
	fmt.Fprintf(a.nc, "POST %s%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", base, id, a.addr, len(body), body)
	resp, err := http.ReadResponse(a.r, nil)
	if err != nil {
		fail(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// garbage is what no client of the Runtime API should say.
var garbage = []string{
	"\x00\xff\x16\x03\x01\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET\r\n\r\n",
	"POST " + base + "x/response HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	"POST " + base + "x/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
	"GET " + base + "next HTTP/9.9\r\n\r\n",
	"GET /" + strings.Repeat("a", 2<<20),
}

// misbehave does what goes against the protocol, and tells of it; nil is for
// orders of another kind.
func (a *api) misbehave(o order) any {
	switch o.Do {
	case "said":
		return fmt.Sprint(a.said)
	case "garbage":
		var heard []string
		for _, g := range garbage {
			heard = append(heard, a.shout(g))
		}
		return heard
	case "unknown":
		return fmt.Sprint(a.respond("11111111-2222-3333-4444-555555555555", []byte(`"stray"`)))
	case "half":
		fmt.Fprintf(a.nc, "POST %s%s/response HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf", base, a.id)
		a.nc.Close()
		hang()
	case "conns":
		open := 0
		for range o.N {
			nc, err := net.Dial("tcp", a.addr)
			if err != nil {
				break
			}
			open++
			fmt.Fprintf(nc, "GET %snext HT", base)
			hoard = append(hoard, nc)
		}
		return fmt.Sprint(open)
	}
	return nil
}

// hoard keeps connections from being collected.
var hoard []net.Conn

// shout says g on a connection of its own and returns the status that it got.
func (a *api) shout(g string) string {
	nc, err := net.Dial("tcp", a.addr)
	if err != nil {
		return err.Error()
	}
	defer nc.Close()
	go func() { _, _ = io.Copy(nc, bytes.NewBufferString(g)) }()
	_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		return "closed"
	}
	resp.Body.Close()
	return fmt.Sprint(resp.StatusCode)
}
