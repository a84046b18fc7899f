package process

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// watchEvery is how often memory is looked at where no control group limits it.
const watchEvery = 100 * time.Millisecond

// watcher limits the memory of a sandbox's processes by looking at it.
type watcher struct {
	limit rouse.Bytes

	mu   sync.Mutex
	peak rouse.Bytes // of the present run
	over bool        // the present run was killed for its memory
}

// run looks at each tick until done is closed. list names the processes.
func (w *watcher) run(done <-chan struct{}, tick <-chan time.Time, list func() []int) {
	for {
		select {
		case <-done:
			return
		case <-tick:
			w.look(list)
		}
	}
}

func (w *watcher) look(list func() []int) {
	pids := list()
	used := resident(pids, false)
	if used > w.limit {
		used = resident(pids, true)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peak = max(w.peak, used)
	if used <= w.limit {
		return
	}
	w.over = true                                                          // before the kill, so that the exit finds it
	held, _ := holdAll(pids, func() ([]int, error) { return list(), nil }) // who escapes is met at the next look
	for _, fd := range held {
		_ = kill(fd)
		unix.Close(fd)
	}
}

// Inspect completes the exit of a run; the next run is watched anew.
func (w *watcher) Inspect(exit rouse.Exit) rouse.Exit {
	w.mu.Lock()
	defer w.mu.Unlock()
	exit.OOM = w.over && exit.Signal == "killed"
	exit.PeakMemory = w.peak
	w.over, w.peak = false, 0
	return exit
}

// Peak is the most memory of the present run that a look has found so far; 0
// before the first one.
func (w *watcher) Peak() rouse.Bytes {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peak
}
