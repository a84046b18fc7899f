package rootfs

import (
	"fmt"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

// meter tells how far a fetch has come: often enough to see it move, and seldom
// enough to be kept in a build's log.
type meter struct {
	report func(string)

	mu         sync.Mutex
	done, of   int64
	layers     int // unpacked
	all        int
	told       int64 // what was done when it was last told
	when       time.Time
	lastLayers int
}

// The steps of a meter: at least so much of the whole and so long, or very long.
const (
	stepShare = 20 // a twentieth
	stepTime  = 500 * time.Millisecond
	stillTime = 15 * time.Second
)

func newMeter(source string, layers int, missing []wanted, report func(string)) *meter {
	m := &meter{report: report, all: len(missing), when: time.Now()}
	for _, w := range missing {
		m.of += w.Size
	}
	switch here := layers - len(missing); {
	case m.all == 0:
		report(fmt.Sprintf("all %d layers of %s are here already", layers, source))
	case here > 0:
		report(fmt.Sprintf("fetching %s: %s in %d layers; %d are here already", source, rounded(rouse.Bytes(m.of)), m.all, here))
	default:
		report(fmt.Sprintf("fetching %s: %s in %d layers", source, rounded(rouse.Bytes(m.of)), m.all))
	}
	return m
}

// add counts bytes that are here now.
func (m *meter) add(n int64) { m.change(func() { m.done += n }) }

// unpacked counts a layer that is done with.
func (m *meter) unpacked() { m.change(func() { m.layers++ }) }

func (m *meter) change(by func()) {
	m.mu.Lock()
	by()
	text := ""
	waited := time.Since(m.when)
	if moved := m.done-m.told >= m.of/stepShare && m.done > m.told; moved && waited >= stepTime ||
		waited >= stillTime && (m.done != m.told || m.layers != m.lastLayers) {
		m.told, m.lastLayers, m.when = m.done, m.layers, time.Now()
		text = fmt.Sprintf("fetched %s of %s, %d of %d layers unpacked",
			rounded(rouse.Bytes(m.done)), rounded(rouse.Bytes(m.of)), m.layers, m.all)
	}
	m.mu.Unlock()
	if text != "" {
		m.report(text)
	}
}
