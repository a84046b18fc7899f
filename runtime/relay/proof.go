package relay

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/rousehq/rouse/runtime/wire"
)

// Socket is a connected TCP socket: an *os.File or a *net.TCPConn.
type Socket interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

var errProof = errors.New("the other side does not know this sandbox's token")

// prove is a side's proof that it knows token.
func prove(token, side, id, agents, hosts string) string {
	mac := hmac.New(sha256.New, []byte(token))
	for _, part := range []string{side, id, agents, hosts} {
		_, _ = mac.Write([]byte(part))
		_, _ = mac.Write([]byte{0}) // none of them holds one, so that no two lists read alike
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// NextToken is the one for reconnecting, which the host's welcome brings about
// without saying it.
func NextToken(token, welcome string) string { return prove(token, "next", welcome, "", "") }

func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// Greet is the agent's side of the proofs. It blocks until the socket's deadlines.
func Greet(s Socket, id, token string, again bool) error {
	own := rand.Text()
	if err := say(s, wire.Message{Kind: wire.KindGreet, ID: id, Nonce: own, Again: again}); err != nil {
		return err
	}
	m, err := hear(s, wire.KindChallenge)
	if err != nil {
		return err
	}
	if !same(m.Proof, prove(token, "host", id, own, m.Nonce)) {
		return errProof
	}
	return say(s, wire.Message{Kind: wire.KindProof, Proof: prove(token, "agent", id, own, m.Nonce)})
}

// Visitor is somebody who says to be an agent.
type Visitor struct {
	ID    string
	Again bool // it says that it was welcomed before

	socket Socket
	nonce  string
}

// Receive is the beginning of the host's side. It blocks until the socket's deadlines.
func Receive(s Socket) (*Visitor, error) {
	m, err := hear(s, wire.KindGreet)
	if err != nil {
		return nil, err
	}
	return &Visitor{ID: m.ID, Again: m.Again, socket: s, nonce: m.Nonce}, nil
}

// Check has the visitor prove that it knows token, and proves the same to it. It
// blocks until the socket's deadlines.
func (v *Visitor) Check(token string) error {
	own := rand.Text()
	err := say(v.socket, wire.Message{Kind: wire.KindChallenge, Nonce: own, Proof: prove(token, "host", v.ID, v.nonce, own)})
	if err != nil {
		return err
	}
	m, err := hear(v.socket, wire.KindProof)
	if err != nil {
		return err
	}
	if !same(m.Proof, prove(token, "agent", v.ID, v.nonce, own)) {
		return errProof
	}
	return nil
}

func say(s Socket, m wire.Message) error {
	b, err := wire.Encode(m)
	if err != nil {
		return err
	}
	f := frame{kind: kindMessage, size: len(b)}
	packet := make([]byte, headSize, headSize+len(b))
	f.put(packet)
	_, err = s.Write(append(packet, b...))
	return err
}

// maxHandshake bounds what a stranger may have us read.
const maxHandshake = 1 << 10

func hear(s Socket, want wire.Kind) (wire.Message, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return wire.Message{}, err
	}
	f, err := parse(&head)
	if err != nil || f.kind != kindMessage || f.size > maxHandshake {
		return wire.Message{}, errFrame
	}
	b := make([]byte, f.size)
	if _, err := io.ReadFull(s, b); err != nil {
		return wire.Message{}, err
	}
	m, err := wire.Decode(b)
	if err == nil && m.Kind != want {
		err = errors.New("expected a " + string(want) + " message")
	}
	return m, err
}
