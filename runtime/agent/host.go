package agent

import (
	"time"

	"github.com/rousehq/rouse/runtime/wire"
)

// How long the agent waits between attempts to reach a host.
const (
	firstBackoff = 10 * time.Millisecond
	lastBackoff  = 250 * time.Millisecond
)

// seek begins to look for a host.
func (a *agent) seek() {
	a.expires = time.Now().Add(a.config.Reconnect)
	a.backoff = firstBackoff
	a.try()
}

// try connects, and comes back until a host has welcomed us or time is up.
func (a *agent) try() {
	switch {
	case a.welcomed || a.quitting:
		return
	case !time.Now().Before(a.expires):
		a.quit(errExpired)
		return
	case a.conn == nil && !a.dialing:
		a.connect()
	}
	if !a.waiting {
		a.waiting = true
		a.later(a.backoff, func() {
			a.waiting = false
			a.try()
		})
		a.backoff = min(2*a.backoff, lastBackoff)
	}
}

// connect looks for the host. One that is not there, or that refuses, is tried again later.
func (a *agent) connect() {
	if a.config.Relay != "" {
		a.connectRelay()
		return
	}
	if conn, err := wire.Connect(wire.SocketName); err == nil {
		a.hello(conn, a.config.Token)
	}
}

// hello says who we are and what we have.
func (a *agent) hello(conn *wire.Conn, token string) {
	hello := wire.Message{
		Kind:  wire.KindHello,
		ID:    a.config.ID,
		Token: token,
		Run:   a.function.run,
		Exit:  a.function.exit,
	}
	for name := range a.held {
		hello.Held = append(hello.Held, name)
	}
	if err := conn.Send(hello); err != nil {
		conn.Close()
		return
	}
	a.conn = conn
	a.helpers.Go(func() { a.receive(conn) })
}

// receive brings conn's messages to the loop until conn ends.
func (a *agent) receive(conn *wire.Conn) {
	for {
		m, files, err := conn.Recv()
		posted := a.post(func() {
			switch {
			case a.conn != conn:
				wire.CloseAll(files)
			case err != nil:
				a.hangUp()
			default:
				a.obey(m, files)
			}
		})
		if !posted {
			wire.CloseAll(files)
		}
		if err != nil || !posted {
			conn.Close()
			return
		}
	}
}

// hangUp ends the connection, whoever broke it, and looks for a host again. The
// function goes on.
func (a *agent) hangUp() {
	a.conn.Close()
	a.conn = nil
	if a.welcomed {
		a.welcomed = false
		a.seek()
	}
}

// send speaks to the host, if there is one. What is lost with a broken
// connection is either worthless to the next host or part of the next hello.
func (a *agent) send(m wire.Message, files ...int) {
	if a.conn == nil || !a.welcomed {
		return
	}
	if err := a.conn.Send(m, files...); err != nil {
		a.hangUp()
	}
}
