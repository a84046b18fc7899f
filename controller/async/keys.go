package async

import (
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
