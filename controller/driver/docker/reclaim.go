package docker

import (
	"context"
	"errors"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Words of a cell's record: what it is a spare of, written once it is ready,
// and that it has been given away, written before anything is mounted into it.
// A Rouse that comes after one that died so knows which cells nothing has touched.
const (
	noteSpare = "spare"
	noteGiven = "given"
)

// left is a listed cell that was made ahead and never given away.
type left struct{ *cell }

var (
	_ driver.Sandbox   = left{}
	_ driver.Weighed   = left{}
	_ driver.Reclaimer = left{}
)

// unused says whether the record speaks of a spare cell that nothing has touched.
func unused(link driver.Link) bool {
	if link == nil {
		return false
	}
	notes := link.Notes()
	return notes[noteSpare] != "" && notes[noteGiven] == "" && notes[noteZygote] == ""
}

// Reclaim waits until the agent has reconnected, and takes hold of the cell again.
func (l left) Reclaim(ctx context.Context) (driver.Class, error) {
	s := l.current()
	network, caps, _ := strings.Cut(s.link.Notes()[noteSpare], "/")
	class := driver.Class{Network: rouse.Network(network), Caps: rouse.Caps(caps)}
	if s.d.NoCells() != "" {
		return class, errors.New(s.d.NoCells())
	}
	select {
	case <-s.gone:
		return class, rouse.ErrGone
	default:
	}
	if err := s.measure(ctx); err != nil {
		return class, err
	}
	if err := s.enter(); err != nil {
		return class, err
	}
	if err := s.connected(ctx); err != nil {
		return class, err
	}
	if s.nested == nil {
		s.nest()
	}
	return class, s.hold()
}
