package rouse

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Queue is a durable queue of messages as it is at a moment.
type Queue struct {
	Name       string
	Definition QueueDefinition
	Counts     QueueCounts
}

// QueueDefinition is how a queue behaves. Its JSON is what is kept of it.
type QueueDefinition struct {
	Number  uint32    `json:"number"`
	Created time.Time `json:"created"`
	// Changed is when the definition was last changed.
	Changed time.Time `json:"changed,omitzero"`

	FIFO       bool     `json:"fifo,omitempty"`
	Delay      Duration `json:"delay,omitempty"`      // before a message becomes ready
	Visibility Duration `json:"visibility,omitempty"` // how long a lease lasts that says nothing else
	Retention  Duration `json:"retention,omitempty"`  // after it a message is dropped; 0 keeps it
	// DedupByGroup has a deduplication id count within its group only.
	DedupByGroup bool `json:"dedup_by_group,omitempty"`
	// MaxReceives moves a message to DeadLetters instead of a receiver once it
	// has been received so often; 0 never does.
	MaxReceives int    `json:"max_receives,omitempty"`
	DeadLetters string `json:"dead_letters,omitempty"` // a queue's name
	// Tags and Extra belong to whoever made the queue.
	Tags  map[string]string `json:"tags,omitempty"`
	Extra json.RawMessage   `json:"extra,omitempty"`
}

// QueueCounts are how many messages a queue has.
type QueueCounts struct {
	Ready   int `json:"ready"`
	Waiting int `json:"waiting"` // for their time
	Leased  int `json:"leased"`
}

// All are all messages.
func (c QueueCounts) All() int { return c.Ready + c.Waiting + c.Leased }

// Message is one message of a queue, as its sender gave it and with what became of it.
type Message struct {
	// Set by the sender.
	Body       []byte
	Attributes []byte // JSON of MessageExtras; empty for none
	Group      string // FIFO: required
	Dedup      string // FIFO: a message with the same one, sent within five minutes, is this one

	// Set when it is sent.
	ID   string
	Seq  uint64
	Sent time.Time

	// Set when it is received.
	Receives int
	First    time.Time // when it was first received
	Receipt  string    // names this receipt of it
	// Origin is the queue from which it was moved to a queue of dead letters.
	Origin string

	// Place is the queue's own: as ID, but of where the message lies now, since
	// one that was moved keeps its ID.
	Place [16]byte
}

// MessageExtras is what SQS knows of a message beside its body.
type MessageExtras struct {
	Attributes map[string]MessageAttribute `json:"a,omitempty"`
	Trace      string                      `json:"t,omitempty"` // AWSTraceHeader
	Group      string                      `json:"g,omitempty"` // of a message in a standard queue
}

// MessageAttribute is a value that travels beside a message's body. Type is
// String, Number or Binary, perhaps with a label after a dot.
type MessageAttribute struct {
	Type   string `json:"t"`
	Text   string `json:"s,omitempty"`
	Binary []byte `json:"b,omitempty"`
}

// Encode is what Message.Attributes has.
func (x MessageExtras) Encode() []byte {
	if len(x.Attributes) == 0 && x.Trace == "" && x.Group == "" {
		return nil
	}
	b, err := json.Marshal(x)
	if err != nil {
		panic("rouse: attributes that cannot be encoded: " + err.Error())
	}
	return b
}

// Extras reads what Attributes has.
func (m *Message) Extras() (x MessageExtras) {
	if len(m.Attributes) > 0 {
		_ = json.Unmarshal(m.Attributes, &x) // as Encode wrote it
	}
	return x
}

// SequenceNumber has 20 digits, as SQS's do, so that they sort as text.
func (m *Message) SequenceNumber() string { return fmt.Sprintf("%020d", m.Seq) }

// System are the attributes that SQS itself gives a message.
func (m *Message) System(at Place) map[string]string {
	extras := m.Extras()
	system := map[string]string{
		"SenderId": at.Account, "SentTimestamp": millis(m.Sent),
		"ApproximateReceiveCount": strconv.Itoa(m.Receives), "ApproximateFirstReceiveTimestamp": millis(m.First),
	}
	for name, v := range map[string]string{"AWSTraceHeader": extras.Trace, "MessageGroupId": m.Group + extras.Group} {
		if v != "" {
			system[name] = v
		}
	}
	if m.Group != "" {
		system["SequenceNumber"], system["MessageDeduplicationId"] = m.SequenceNumber(), m.Dedup
	}
	if m.Origin != "" {
		system["DeadLetterQueueSourceArn"] = at.QueueARN(m.Origin)
	}
	return system
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// AttributesMD5 is SQS's digest of attributes: of names, types and values, each
// after its length, in the order of the names. It is "" for none.
func AttributesMD5(values map[string]MessageAttribute) string {
	if len(values) == 0 {
		return ""
	}
	h := md5.New()
	field := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		h.Write(b)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		field([]byte(name))
		field([]byte(v.Type))
		if strings.HasPrefix(v.Type, "Binary") {
			h.Write([]byte{2})
			field(v.Binary)
		} else {
			h.Write([]byte{1})
			field([]byte(v.Text))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// MessageMove is a task that moves the messages of a queue, usually one of dead letters.
type MessageMove struct {
	Handle  string    `json:"handle"`
	State   MoveState `json:"state"`
	From    string    `json:"from"`
	To      string    `json:"to,omitempty"`   // "" is where each message came from
	Rate    int       `json:"rate,omitempty"` // messages a second; 0 is as fast as it goes
	Moved   int       `json:"moved"`
	Total   int       `json:"total"` // when it began
	Started time.Time `json:"started"`
	Failure string    `json:"failure,omitempty"`
}

// MoveState is where a move is, in AWS's words.
type MoveState string

// The states.
const (
	MoveRunning    MoveState = "RUNNING"
	MoveCompleted  MoveState = "COMPLETED"
	MoveCancelling MoveState = "CANCELLING"
	MoveCancelled  MoveState = "CANCELLED"
	MoveFailed     MoveState = "FAILED"
)
