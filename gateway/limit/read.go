package limit

import (
	"io"
	"sync/atomic"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// counted ends a body of unknown length with a TooLarge error beyond its limit.
type counted struct {
	io.ReadCloser
	limit rouse.Bytes
	left  int64 // bytes still allowed; used by the reader only
	// over is read by the station while a transport may still be reading.
	over atomic.Bool
}

func (b *counted) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, gateway.TooLarge(b.limit)
	}
	// One byte more than allowed tells a body that ends at the limit from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.over.Store(true)
		return n - 1, gateway.TooLarge(b.limit)
	}
	return n, err
}
