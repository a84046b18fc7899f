package link

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

// call connects to h's relay, and to nobody when the test has ended.
func call(t *testing.T, h *Host) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", h.relay.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn.(*net.TCPConn)
}

func expectRelayed(t *testing.T) (*Host, *Link) {
	t.Helper()
	h := newHost(t, t.TempDir(), patience)
	plain, err := h.Expect("plain")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Relay("127.0.0.1:0", ""); err != nil {
		t.Fatal(err)
	}
	l, err := h.Expect("box")
	if err != nil {
		t.Fatal(err)
	}
	if l.Dir() != "" || plain.Dir() == "" {
		t.Errorf("folders %q and %q", l.Dir(), plain.Dir())
	}
	return h, l
}

func TestOverTCPOnlyTheAgentIsWelcome(t *testing.T) {
	h, l := expectRelayed(t)
	token := l.record.Token
	for name, greeting := range map[string]struct {
		id, token string
		again     bool
	}{
		"a guess":                   {"box", "guess", false},
		"an unknown sandbox":        {"nobody", token, false},
		"one that has a socket":     {"plain", h.links["plain"].record.Token, false},
		"the first token again":     {"box", token, true},
		"the word of welcome alone": {"box", l.record.Reconnect, true},
	} {
		if err := relay.Greet(call(t, h), greeting.id, greeting.token, greeting.again); err == nil {
			t.Errorf("%s: welcome", name)
		}
	}
	silent := call(t, h) // holds up nobody
	conn := call(t, h)
	if err := relay.Greet(conn, "box", token, false); err != nil {
		t.Fatal(err)
	}
	session := relay.New(conn, relay.Agent)
	defer session.Close()
	if err := session.Send(wire.Message{Kind: wire.KindHello, ID: "box"}); err != nil {
		t.Fatal(err)
	}
	if m, _, err := session.Recv(); err != nil || m.Kind != wire.KindWelcome {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := l.Connected(soon(t)); err != nil {
		t.Fatal(err)
	}

	second := call(t, h)
	if err := relay.Greet(second, "box", relay.NextToken(token, l.record.Reconnect), true); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err != io.EOF && !isReset(err) {
		t.Errorf("a second agent: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("who said nothing is still heard")
	}
}

func TestARelayedAgentThatAnswersWithTooLittleOrTooMuchIsNotBelieved(t *testing.T) {
	for name, streams := range map[string][]uint32{"none": nil, "two": {1, 3}, "one of the host's": {2}} {
		t.Run(name, func(t *testing.T) {
			h, l := expectRelayed(t)
			conn := call(t, h)
			if err := relay.Greet(conn, "box", l.record.Token, false); err != nil {
				t.Fatal(err)
			}
			session := relay.New(conn, relay.Agent)
			defer session.Close()
			if err := session.Send(wire.Message{Kind: wire.KindHello, ID: "box"}); err != nil {
				t.Fatal(err)
			}
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				for {
					m, _, err := session.Recv()
					if err != nil {
						return
					}
					if m.Kind == wire.KindListen {
						_ = session.Send(wire.Message{Kind: wire.KindReply, Seq: m.Seq, Streams: streams})
					}
				}
			}()
			_, err := l.Launch(soon(t), rouse.Launch{
				Contract: rouse.ContractLambda, RuntimeAPI: "127.0.0.1:9001", Command: rouse.Command{Argv: []string{"x"}},
			})
			if err == nil {
				t.Error("it was believed")
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			<-answered
		})
	}
}
