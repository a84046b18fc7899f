package rouse

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"
)

// NewTrace is the X-Ray header of a trace that begins here. Its ids are told apart,
// not kept secret.
func NewTrace(now time.Time, sampled bool) string {
	const eight = 8
	b := make([]byte, 0, 80)
	b = append(b, "Root=1-"...)
	b = strconv.AppendInt(b, now.Unix(), 16)
	b = append(b, '-')
	var random [20]byte
	for i := 0; i < len(random); i += eight {
		n := rand.Uint64()
		for j := i; j < min(i+eight, len(random)); j++ {
			random[j] = byte(n)
			n >>= 8
		}
	}
	b = hex.AppendEncode(b, random[:12])
	b = append(b, ";Parent="...)
	b = hex.AppendEncode(b, random[12:])
	if sampled {
		return string(append(b, ";Sampled=1"...))
	}
	return string(append(b, ";Sampled=0"...))
}
