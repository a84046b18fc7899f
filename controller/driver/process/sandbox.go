package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

const (
	// grace is how long a process may take to end when nothing else is said.
	grace = 10 * time.Second
	// processesAtOnce is AWS Lambda's limit.
	processesAtOnce = 1024
	// agentMemory is the agent's own, which counts in the same group.
	agentMemory = 8 * rouse.MB
)

// The words that a sandbox's record holds for a Rouse that comes after.
const (
	noteDriver = "driver"
	noteUID    = "uid"
	noteGroup  = "cgroup"
	notePID    = "pid"
	noteStart  = "start"
	noteMemory = "memory"
)

// sandbox is an agent, its folder and its user.
type sandbox struct {
	d      *Driver
	link   driver.Link
	dir    string
	uid    int // -1 without a user of its own
	memory rouse.Bytes
	tmp    rouse.Bytes
	cpu    float64

	answers bool          // the agent has connected
	agent   *agent        // nil when it never started, or had ended before List
	group   *cgroup.Group // nil where memory is watched
	watcher *watcher      // nil where the group limits memory
	gauge   *cgroup.Gauge
	gone    chan struct{} // closed when the agent and every descendant have ended
	end     func()
	left    error // why some descendants may live on; final when gone is closed, and then under the token

	assigned sync.Once
	stopping chan struct{} // holds a token while somebody stops the sandbox
	stopped  bool          // under the token
}

var (
	_ driver.Sandbox = (*sandbox)(nil)
	_ driver.Adopter = (*sandbox)(nil)
)

func newSandbox(d *Driver, link driver.Link, c driver.Class) *sandbox {
	s := &sandbox{
		d: d, link: link, uid: -1,
		dir:    filepath.Join(d.sandboxes(), string(link.ID())),
		memory: c.Memory, tmp: c.Tmp, cpu: c.CPU,
		gone:     make(chan struct{}),
		stopping: make(chan struct{}, 1),
	}
	s.end = sync.OnceFunc(func() { close(s.gone) })
	return s
}

func (s *sandbox) ID() rouse.SandboxID { return s.link.ID() }

func (s *sandbox) tmpDir() string { return filepath.Join(s.dir, "tmp") }

// make prepares everything for the agent, starts it and waits for its word.
// Whoever calls it stops the sandbox when it fails.
func (s *sandbox) make(ctx context.Context) error {
	if s.d.root {
		s.uid = s.d.uids.take()
	}
	if err := s.note(map[string]string{
		noteDriver: Name, noteUID: strconv.Itoa(s.uid), noteMemory: strconv.FormatInt(int64(s.memory), 10),
	}); err != nil {
		return err
	}
	if err := s.makeDir(); err != nil {
		return fmt.Errorf("making a sandbox's folder: %w", err)
	}
	if err := s.limit(); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "agent.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("making the agent's log: %w", err)
	}
	defer log.Close()
	s.d.enter(s.link)
	if s.agent, err = startAgent(s.d.Agent, s.link.Env(s.link.Dir()), log); err != nil {
		return err
	}
	s.watch()
	if s.group != nil {
		if err := s.group.Add(s.agent.pid); err != nil {
			return fmt.Errorf("limiting the agent: %w", err)
		}
	}
	s.spare()
	if err := s.note(map[string]string{notePID: strconv.Itoa(s.agent.pid), noteStart: s.agent.start}); err != nil {
		return err
	}
	return s.connected(ctx, log)
}

// connected waits for the agent, or for its death.
func (s *sandbox) connected(ctx context.Context, log *os.File) error {
	ctx, cancel := driver.Until(ctx, s.agent.done)
	defer cancel()
	err := s.link.Connected(ctx)
	if err != nil && s.agent.ended() {
		return fmt.Errorf("the agent ended before it answered: %s", lastWords(log))
	}
	s.answers = err == nil
	return err
}

func (s *sandbox) makeDir() error {
	if err := os.Mkdir(s.dir, 0o711); err != nil {
		return err
	}
	if err := os.Chmod(s.dir, 0o711); err != nil { // whatever the umask is
		return err
	}
	if err := os.Mkdir(s.tmpDir(), 0o700); err != nil {
		return err
	}
	if s.uid < 0 {
		return nil
	}
	return os.Chown(s.tmpDir(), s.uid, s.uid)
}

// limit makes a control group or, where that is not possible, a watcher.
func (s *sandbox) limit() error {
	group, err := s.d.makeGroup("rouse", string(s.ID()), cgroup.Limits{
		Memory: s.memory + agentMemory, Pids: processesAtOnce, CPU: s.cpu,
	})
	if err != nil {
		s.d.Log.Debug("no control group can be made; memory is watched", "error", err)
		s.watcher = &watcher{limit: s.memory}
		return nil
	}
	s.group = &group
	b, err := json.Marshal(group)
	if err != nil {
		return err
	}
	if err := s.note(map[string]string{noteGroup: string(b)}); err != nil {
		return err
	}
	s.gauge, err = cgroup.NewGauge(group)
	return err
}

// spare has the kernel look elsewhere when memory is short: without its agent
// a sandbox is lost. Only root may ask for it.
func (s *sandbox) spare() {
	if s.d.root {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.agent.pid), []byte("-999"), 0)
	}
}

// watch follows the agent's life, and ends what it leaves.
func (s *sandbox) watch() {
	s.d.running.Add(2)
	go func() {
		defer s.d.running.Done()
		s.agent.watch()
	}()
	go func() {
		defer s.d.running.Done()
		select {
		case <-s.agent.done:
			s.agent.release()
			s.left = s.sweep()
			s.end()
		case <-s.d.closing:
			s.agent.release()
		}
	}()
}

// sweep ends every process of a sandbox whose agent has ended. It blocks until that
// is done, for some time at most.
func (s *sandbox) sweep() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return killAll(ctx, s.processes)
}

// processes lists what runs in the sandbox without asking the agent.
func (s *sandbox) processes() ([]int, error) {
	if s.group != nil {
		return s.group.Procs()
	}
	if s.uid >= 0 {
		return processes(ofUser(s.uid))
	}
	return processes(withVariable("TMPDIR=" + s.tmpDir()))
}

func (s *sandbox) note(words map[string]string) error {
	for key, value := range words {
		if err := s.link.Note(key, value); err != nil {
			return fmt.Errorf("writing a sandbox's record: %w", err)
		}
	}
	return nil
}

// Wait blocks until the agent and every process of the sandbox have ended.
func (s *sandbox) Wait(ctx context.Context) error {
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends the process, the agent and what they left, and removes the folder,
// the group and the record.
func (s *sandbox) Stop(ctx context.Context) error {
	select {
	case s.stopping <- struct{}{}:
		defer func() { <-s.stopping }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.stopped {
		return nil
	}
	if err := s.endAgent(ctx); err != nil {
		return fmt.Errorf("ending sandbox %s: %w", s.ID(), err)
	}
	var errs []error
	if s.gauge != nil {
		s.gauge.Close()
	}
	if s.group != nil {
		errs = append(errs, s.group.Remove())
	}
	errs = append(errs, removeAll(s.dir), s.link.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing sandbox %s: %w", s.ID(), err)
	}
	s.stopped = true
	if s.uid >= 0 {
		s.d.uids.give(s.uid)
	}
	return nil
}

// endAgent returns when nothing of the sandbox runs any more.
func (s *sandbox) endAgent(ctx context.Context) error {
	if s.agent == nil {
		s.left = s.sweep()
		s.end()
		return s.left
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if s.answers && !s.agent.ended() {
		if err := s.link.Terminate(ctx); err == nil {
			select {
			case <-s.agent.done:
			case <-ctx.Done():
			}
		}
	}
	s.agent.kill()
	// A process that was killed ends whatever the caller's time is, unless the kernel
	// keeps it.
	killed, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*grace)
	defer stop()
	select {
	case <-s.gone:
	case <-s.d.closing:
		return errors.New("the driver is closed")
	case <-killed.Done():
		return errors.New("the agent was killed and does not end")
	}
	if s.left != nil { // an earlier attempt, perhaps long ago
		s.left = s.sweep()
	}
	return s.left
}
