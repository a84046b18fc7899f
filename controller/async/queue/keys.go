package queue

import (
	"encoding/binary"
	"time"
)

// number names a queue in keys; names are long and can be used again.
type number uint32

func key(table byte, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	k := append(make([]byte, 0, n), table)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func seqKey(table byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), table), seq)
}

func queueKey(table byte, q number) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 24), table), uint32(q))
}

func readyKey(q number, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(queueKey('r', q), seq)
}

func dueKey(q number, at int64, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(queueKey('d', q), uint64(at)), seq)
}

// memberKey ends with a zero, which no group contains, and the seq.
func memberKey(q number, group string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append(queueKey('g', q), group...), 0), seq)
}

func lockKey(q number, group string) []byte { return append(queueKey('k', q), group...) }

func dedupKey(q number, id string) []byte { return append(queueKey('u', q), id...) }

func expiryKey(at int64, q number, id string) []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 13+len(id)), 'x'), uint64(at))
	return append(binary.BigEndian.AppendUint32(k, uint32(q)), id...)
}

// lastSeq is the seq at the end of a key.
func lastSeq(k []byte) uint64 { return binary.BigEndian.Uint64(k[len(k)-8:]) }

// dueTime is the time in a key of table d.
func dueTime(k []byte) int64 { return int64(binary.BigEndian.Uint64(k[5:13])) }

// after is the first key that has k as no prefix and comes later.
func after(k []byte) []byte {
	next := append([]byte{}, k...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

func unix(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
