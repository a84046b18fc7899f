package agent

import (
	"cmp"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// quitTimeout is how long ending may take while a process cannot die, as in an
// uninterruptible system call.
const quitTimeout = 10 * time.Second

var errExpired = errors.New("no host came back in time")

type agent struct {
	config  Config
	inbox   chan func() // work that other goroutines have for the loop
	done    chan struct{}
	helpers sync.WaitGroup

	// The rest is touched by the loop alone.
	conn     *wire.Conn // nil while there is no host
	dialing  bool       // a relay is on its way to the host
	again    bool       // a host has welcomed us before
	welcomed bool       // the host of conn has accepted us
	backoff  time.Duration
	waiting  bool      // the next attempt is on its way
	expires  time.Time // when to give up without a host
	held     map[string]int
	function function
	zygote   zygote
	quitting bool
	over     bool
	failure  error
}

// Run is the agent's whole life. It blocks until the host says stop, a SIGTERM
// comes or no host came back in time, and returns when no process of the
// function is left. An error says why it ended by itself.
func Run(c Config) error {
	if err := harden(); err != nil {
		return err
	}
	// A relative address has no length limit to trip over.
	if err := os.Chdir(cmp.Or(c.Dir, "/")); err != nil {
		return err
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open /dev/null", err)
	}
	a := &agent{
		config:   c,
		inbox:    make(chan func()),
		done:     make(chan struct{}),
		held:     map[string]int{},
		function: newFunction(null),
	}
	a.loop()
	return a.failure
}

func (a *agent) loop() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	a.seek()
	for !a.over {
		select {
		case work := <-a.inbox:
			work()
		case <-ended:
			a.advance()
		case <-told:
			a.quit(nil)
		}
	}
	close(a.done)
	if a.conn != nil {
		a.conn.Close()
	}
	a.zygote.close()
	a.function.closeOutput() // whose end a relay waits for
	a.helpers.Wait()
}

// post gives work to the loop; it reports false when the loop has ended.
func (a *agent) post(work func()) bool {
	select {
	case a.inbox <- work:
		return true
	case <-a.done:
		return false
	}
}

// later posts work after d.
func (a *agent) later(d time.Duration, work func()) {
	a.helpers.Go(func() {
		select {
		case <-time.After(d):
			a.post(work)
		case <-a.done:
		}
	})
}

// quit ends every process of the function, then the loop.
func (a *agent) quit(failure error) {
	if a.quitting {
		return
	}
	a.quitting, a.failure = true, failure
	a.whenNoneLeft(func() { a.over = true })
	a.later(quitTimeout, func() { a.over = true })
}

// harden keeps the function from looking into the agent and the agent from
// losing track of the function.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_DUMPABLE", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_CHILD_SUBREAPER", err)
	}
	// A terminal's Ctrl-C is the host's to hear. It fails when we lead a session already.
	_, _ = unix.Setsid()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		if fd, ok := number(entry.Name()); ok && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
