package relay

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/rousehq/rouse/runtime/wire"
)

type kind byte

const (
	kindMessage kind = iota + 1
	kindData
	kindCredit
	kindEnd
	kindClose
	kindAccept
	kindReset
)

const (
	headSize = 9 // length, kind and stream
	rest     = 5 // what of the head the length counts
	// maxData is the most data in a frame: enough to make frames cheap, and little
	// enough to let others in between.
	maxData = 16 << 10
)

// Window is how many bytes of a stream may be under way or unread.
const Window = 64 << 10

var errFrame = errors.New("not a frame")

// frame is one, without its content.
type frame struct {
	kind   kind
	stream uint32
	size   int // of the content
}

func (f frame) put(b []byte) {
	binary.BigEndian.PutUint32(b, uint32(f.size+rest))
	b[4] = byte(f.kind)
	binary.BigEndian.PutUint32(b[5:], f.stream)
}

// parse reads a head. Whatever it returns is within bounds.
func parse(b *[headSize]byte) (frame, error) {
	length := binary.BigEndian.Uint32(b[:])
	f := frame{kind: kind(b[4]), stream: binary.BigEndian.Uint32(b[5:])}
	if length < rest || length > wire.MaxSize+rest {
		return f, errFrame
	}
	f.size = int(length) - rest
	ok := false
	switch f.kind {
	case kindMessage:
		ok = f.stream == 0
	case kindData:
		ok = f.stream != 0 && f.size > 0 && f.size <= maxData
	case kindCredit, kindAccept:
		ok = f.stream != 0 && f.size == 4
	case kindEnd, kindClose, kindReset:
		ok = f.stream != 0 && f.size == 0
	}
	if !ok {
		return f, errFrame
	}
	return f, nil
}

// buffers hold contents, from when a head has come: the many sessions that wait
// cost none.
var buffers = sync.Pool{New: func() any { return new([wire.MaxSize]byte) }}

// readFrame reads one frame and lends its content to use.
func readFrame(r io.Reader, use func(f frame, content []byte) error) error {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	f, err := parse(&head)
	if err != nil {
		return err
	}
	buf := buffers.Get().(*[wire.MaxSize]byte)
	defer buffers.Put(buf)
	if _, err := io.ReadFull(r, buf[:f.size]); err != nil {
		return err
	}
	return use(f, buf[:f.size])
}
