package queue

import (
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
)

// A record is a message on disk: place (16 bytes), sent (8), queue (4), then
// origin, group, dedup, attributes and the ID of a message that was moved, each
// after its length as a varint, then the body.
const recordHead = 16 + 8 + 4

// record leaves out what is known only in the transaction.
func newRecord(m *Message, movedID []byte) []byte {
	b := make([]byte, recordHead, recordHead+len(m.Origin)+len(m.Group)+len(m.Dedup)+len(m.Attributes)+len(m.Body)+32)
	id := newID()
	copy(b, id[:])
	b = appendField(b, m.Origin)
	b = appendField(b, m.Group)
	b = appendField(b, m.Dedup)
	b = appendField(b, m.Attributes)
	b = appendField(b, movedID)
	return append(b, m.Body...)
}

func appendField[T ~string | ~[]byte](b []byte, field T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

var errRecord = errors.New("queue: a record is damaged")

// readRecord decodes a record. The message shares its memory.
func readRecord(b []byte) (*Message, number, error) {
	if len(b) < recordHead {
		return nil, 0, errRecord
	}
	m := &Message{Place: [16]byte(b[:16]), Seq: seqIn(b), Sent: unix(int64(binary.BigEndian.Uint64(b[16:])))}
	q := queueIn(b)
	rest := b[recordHead:]
	var fields [5][]byte
	for i := range fields {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return nil, 0, errRecord
		}
		fields[i], rest = rest[size:size+int(n)], rest[size+int(n):]
	}
	m.Origin, m.Group, m.Dedup = string(fields[0]), string(fields[1]), string(fields[2])
	m.Attributes, m.Body = fields[3], rest
	id := uuid.UUID(m.Place)
	if len(fields[4]) == len(id) {
		id = uuid.UUID(fields[4])
	}
	m.ID = id.String()
	return m, q, nil
}

// queueIn is the queue that a record's message is in.
func queueIn(b []byte) number { return number(binary.BigEndian.Uint32(b[24:])) }

// Where a message is, beside ready.
const (
	ready   byte = 0
	waiting byte = 'w'
	leased  byte = 'l'
)

// state is what changes of a message: table s.
type state struct {
	receives uint32
	first    int64
	where    byte
	at       int64 // of its key in table d
	last     int64 // when it was received last; 0 from a version that did not keep it
}

func (s state) encode() []byte {
	b := make([]byte, 0, stateSize)
	b = binary.BigEndian.AppendUint32(b, s.receives)
	b = binary.BigEndian.AppendUint64(b, uint64(s.first))
	b = append(b, s.where)
	b = binary.BigEndian.AppendUint64(b, uint64(s.at))
	return binary.BigEndian.AppendUint64(b, uint64(s.last))
}

const (
	stateSize    = 29
	oldStateSize = 21 // without last
)

// readState reads what table s has; nothing is a new message.
func readState(b []byte) state {
	if len(b) != stateSize && len(b) != oldStateSize {
		return state{}
	}
	s := state{
		receives: binary.BigEndian.Uint32(b), first: int64(binary.BigEndian.Uint64(b[4:])),
		where: b[12], at: int64(binary.BigEndian.Uint64(b[13:])),
	}
	if len(b) == stateSize {
		s.last = int64(binary.BigEndian.Uint64(b[oldStateSize:]))
	}
	return s
}
