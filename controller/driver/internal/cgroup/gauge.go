package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rousehq/rouse"
)

// Gauge tells what became of each run of a process: whether the kernel killed
// it for its memory, and the most memory that it had.
type Gauge struct {
	group Group

	mu    sync.Mutex
	kills int      // seen before the present run
	peak  *os.File // open as long as the gauge; nil when there is none
}

// NewGauge begins to watch the group's present run. The caller closes it.
func NewGauge(g Group) (*Gauge, error) {
	kills, err := g.OOMKills()
	if err != nil {
		return nil, err
	}
	gauge := &Gauge{group: g, kills: kills}
	gauge.open()
	gauge.reset()
	return gauge, nil
}

// Inspect completes the exit of a run; the next run is counted anew.
func (g *Gauge) Inspect(exit rouse.Exit) rouse.Exit {
	g.mu.Lock()
	defer g.mu.Unlock()
	if kills, err := g.group.OOMKills(); err == nil {
		// A shell says 137 of a child that was killed.
		exit.OOM = kills > g.kills && (exit.Signal == "killed" || exit.Code == 137)
		g.kills = kills
	}
	exit.PeakMemory = g.read()
	g.reset()
	return exit
}

// Peak is the most memory that the present run has had so far; 0 where the
// kernel does not say.
func (g *Gauge) Peak() rouse.Bytes {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.read()
}

// Close frees the gauge. It is idempotent.
func (g *Gauge) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.peak != nil {
		g.peak.Close()
		g.peak = nil
	}
}

// open prefers a descriptor that can reset the peak: with version 2 (since
// Linux 6.12) a reset concerns only the descriptor it was made through.
func (g *Gauge) open() {
	name := "memory.max_usage_in_bytes"
	if g.group.V2 {
		name = "memory.peak"
	}
	path := filepath.Join(g.group.Memory, name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		f, err = os.Open(path)
	}
	if err == nil {
		g.peak = f
	}
}

func (g *Gauge) read() rouse.Bytes {
	if g.peak == nil {
		return 0
	}
	b := make([]byte, 32)
	n, _ := g.peak.ReadAt(b, 0)
	peak, err := strconv.ParseInt(strings.TrimSpace(string(b[:n])), 10, 64)
	if err != nil {
		return 0
	}
	return rouse.Bytes(peak)
}

// reset is a wish: where the kernel cannot, the peak is the sandbox's.
func (g *Gauge) reset() {
	if g.peak != nil {
		_, _ = g.peak.WriteAt([]byte("0"), 0)
	}
}
