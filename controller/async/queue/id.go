package queue

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// A seq is a time in 1/4096 ms, made unique: the first 60 bits of a UUID of
// version 7 (RFC 9562, method 3), so that a message's id says where it lies and
// no index from ids to messages is needed. The other 62 bits are random: who
// was not told an id cannot guess it.

// sequence hands out seqs.
type sequence struct{ last atomic.Uint64 }

// next is more than any before and not less than now.
func (s *sequence) next(now time.Time) uint64 {
	for {
		last := s.last.Load()
		seq := max(last+1, seqOf(now))
		if s.last.CompareAndSwap(last, seq) {
			return seq
		}
	}
}

func seqOf(t time.Time) uint64 {
	ns := uint64(t.UnixNano())
	return ns/1e6<<12 | ns%1e6*4096/1e6
}

// newID has random bits and no seq yet.
func newID() (id uuid.UUID) {
	rand.Read(id[8:]) //nolint:errcheck // it never fails
	id[8] = id[8]&0x3f | 0x80
	return id
}

// setSeq completes an id.
func setSeq(id []byte, seq uint64) {
	binary.BigEndian.PutUint64(id, seq>>12<<16|7<<12|seq&0xfff)
}

// Seq finds where the message with an id lies. An id that no message can have
// is a NotFound error.
func Seq(id string) (uint64, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || len(id) != 36 || parsed.Version() != 7 {
		return 0, rouse.Errorf(rouse.NotFound, "no message has the id %q", rouse.Clip(id))
	}
	return seqIn(parsed[:]), nil
}

func seqIn(id []byte) uint64 {
	n := binary.BigEndian.Uint64(id)
	return n>>16<<12 | n&0xfff
}
