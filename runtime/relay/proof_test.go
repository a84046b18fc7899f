package relay

import (
	"testing"
	"time"

	"github.com/rousehq/rouse/runtime/wire"
)

// meet lets an agent and a host prove themselves to one another.
func meet(t *testing.T, agents, hosts string) (agent, host error) {
	t.Helper()
	a, h := sockets(t)
	ended := make(chan error, 1)
	go func() {
		err := Greet(a, "box", agents, true)
		if err != nil {
			a.Close()
		}
		ended <- err
	}()
	visitor, err := Receive(h)
	if err != nil {
		t.Fatal(err)
	}
	if visitor.ID != "box" || !visitor.Again {
		t.Errorf("visitor %+v", visitor)
	}
	err = visitor.Check(hosts)
	return <-ended, err
}

func TestBothSidesProveThatTheyKnowTheToken(t *testing.T) {
	if agent, host := meet(t, "secret", "secret"); agent != nil || host != nil {
		t.Errorf("agent %v, host %v", agent, host)
	}
	if agent, host := meet(t, "secret", "guess"); agent != errProof || host == nil {
		t.Errorf("with a host that guesses: agent %v, host %v", agent, host)
	}
}

func TestAnAgentThatGuessesIsRefused(t *testing.T) {
	for name, proof := range map[string]func(challenge wire.Message) string{
		"a guess":              func(wire.Message) string { return prove("guess", "agent", "box", "nonce", "x") },
		"the host's own proof": func(c wire.Message) string { return c.Proof },
		"another nonce":        func(wire.Message) string { return prove("secret", "agent", "box", "nonce", "an earlier one") },
	} {
		a, h := sockets(t)
		ended := make(chan error, 1)
		go func() {
			visitor, err := Receive(h)
			if err == nil {
				err = visitor.Check("secret")
			}
			ended <- err
		}()
		if err := say(a, wire.Message{Kind: wire.KindGreet, ID: "box", Nonce: "nonce"}); err != nil {
			t.Fatal(err)
		}
		challenge, err := hear(a, wire.KindChallenge)
		if err != nil {
			t.Fatal(err)
		}
		if err := say(a, wire.Message{Kind: wire.KindProof, Proof: proof(challenge)}); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != errProof {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStrangersAreHeardForOneSmallMessage(t *testing.T) {
	for name, sent := range map[string]string{
		"garbage":      "GET / HTTP/1.1\r\n\r\n",
		"a long one":   "\x00\x00\xff\xff\x01\x00\x00\x00\x00",
		"another kind": "\x00\x00\x00\x1a\x01\x00\x00\x00\x00{\"v\":1,\"kind\":\"stop\"}",
		"data":         "\x00\x00\x00\x06\x02\x00\x00\x00\x01x",
		"nothing":      "",
	} {
		a, h := sockets(t)
		_ = h.SetDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := a.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		if v, err := Receive(h); err == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestTheNextTokenIsNeitherSaidNorTheSame(t *testing.T) {
	next := NextToken("first", "welcome")
	if next == "first" || next == "welcome" || next == NextToken("first", "another") || next == NextToken("second", "welcome") {
		t.Errorf("next token %q", next)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x35\x01\x00\x00\x00\x00{\"v\":1,\"kind\":\"greet\",\"id\":\"box\",\"nonce\":\"x\"}"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		a, h := sockets(t)
		_, _ = a.Write(sent)
		a.CloseWrite()
		if visitor, err := Receive(h); err == nil && visitor.Check("secret") == nil {
			t.Error("proved by chance")
		}
	})
}
