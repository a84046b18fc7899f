package async

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/rousehq/rouse/controller/async/queue"
)

func seqKey(table byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), table), seq)
}

func timeKey(table byte, at time.Time, rest ...byte) []byte {
	return append(binary.BigEndian.AppendUint64(append(make([]byte, 0, 32), table), uint64(at.UnixNano())), rest...)
}

func queuePrefix(table byte, q *queue.Queue) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 32), table), q.Definition().Number)
}

// endedKey sorts a function's newest jobs first.
func endedKey(q *queue.Queue, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(queuePrefix('E', q), ^seq)
}

// idempotencyKey bounds what a client chose.
func idempotencyKey(q *queue.Queue, key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return append(queuePrefix('I', q), sum[:16]...)
}

func bigEndian(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// prefixEnd is the first key after all that begin with k.
func prefixEnd(k []byte) []byte {
	end := append([]byte{}, k...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
