package process

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

// Assign plans rev's process with the host's paths and has the agent start it.
func (s *sandbox) Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	first := false
	s.assigned.Do(func() { first = true })
	if !first {
		return rouse.Endpoint{}, errors.New("the sandbox has been assigned before")
	}
	launch, err := s.launch(ctx, rev)
	if err != nil {
		return rouse.Endpoint{}, err
	}
	endpoint, err := s.link.Launch(ctx, launch)
	if err != nil {
		return rouse.Endpoint{}, err
	}
	endpoint.Memory = s.peak()
	s.watchMemory()
	return endpoint, nil
}

func (s *sandbox) launch(ctx context.Context, rev rouse.Revision) (rouse.Launch, error) {
	task, ok := s.d.Artifacts.Path(rev.Spec.Artifact.Code)
	if !ok {
		return rouse.Launch{}, rouse.Errorf(rouse.StartFailed, "the code of %s is not on this machine; deploy it again", rev.Function)
	}
	if s.d.root {
		if err := reachable(task); err != nil {
			return rouse.Launch{}, &rouse.Error{Code: rouse.StartFailed, Message: "the code is closed to the users that functions run as", Cause: err}
		}
	}
	opt, err := driver.Plain(rev).Opt(s.d.Artifacts)
	if err != nil {
		return rouse.Launch{}, err
	}
	interpreter, err := s.d.interpreter(ctx, rev.Spec.Runtime)
	if err != nil {
		return rouse.Launch{}, err
	}
	platform, platformVar, token := "", "", ""
	if s.d.Platform { // on a loopback that all share, so that callers show a token
		platform, platformVar, token = "127.0.0.1:0", rouse.PlatformVar, rand.Text()
	}
	command, err := s.d.Planner.Plan(rev, rouse.Layout{
		Task: task, Opt: opt, Bootstrap: bootstrap(task, opt), Runtime: s.d.bootstraps(), Tmp: s.tmpDir(), Interpreter: interpreter, Instance: string(s.ID()),
		RuntimeAPI: rouse.AddrVar, Port: rouse.PortVar, Platform: platformVar, PlatformToken: token,
	})
	if err != nil {
		return rouse.Launch{}, err
	}
	if len(command.Argv) == 0 {
		return rouse.Launch{}, rouse.Errorf(rouse.Invalid, "runtime %s: needs an image, which driver process cannot run", rev.Spec.Runtime)
	}
	if command.Dir == "" {
		command.Dir = task
	}
	command.Env = withDefaults(command.Env, "PATH=/usr/local/bin:/usr/bin:/bin", "HOME="+s.tmpDir(), "TMPDIR="+s.tmpDir())
	l := rouse.Launch{
		Revision: rev.ID, Contract: rev.Spec.Contract, Command: command,
		UID: unix.Geteuid(), GID: unix.Getegid(),
		Limits: s.limits(rev.Spec.Contract), Inspect: withoutPath(s.inspect(), task),
		Platform: platform, PlatformToken: token,
	}
	if s.uid >= 0 {
		l.UID, l.GID = s.uid, s.uid
	}
	if rev.Spec.Contract == rouse.ContractLambda {
		l.RuntimeAPI = "127.0.0.1:0"
		if opt != "" {
			l.Extensions = driver.Extensions(opt, opt)
		}
	}
	return l, nil
}

// bootstrap is the program of runtime provided where a layer brings it and the
// code does not; else "".
func bootstrap(task, opt string) string {
	const name = "bootstrap"
	if opt == "" {
		return ""
	}
	if _, err := os.Stat(filepath.Join(task, name)); err == nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(opt, name)); err != nil {
		return ""
	}
	return filepath.Join(opt, name)
}

// withDefaults adds the variables that env does not have.
func withDefaults(env []string, defaults ...string) []string {
	for _, variable := range defaults {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			env = append(env, variable)
		}
	}
	return env
}

func (s *sandbox) limits(contract rouse.Contract) []rouse.Limit {
	files := uint64(65536)
	if contract == rouse.ContractLambda {
		files = driver.LambdaFiles
	}
	limits := []rouse.Limit{
		{Resource: unix.RLIMIT_CORE},
		{Resource: unix.RLIMIT_FSIZE, Soft: uint64(s.tmp), Hard: uint64(s.tmp)},
	}
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err == nil {
		n := min(files, own.Max)
		limits = append(limits, rouse.Limit{Resource: unix.RLIMIT_NOFILE, Soft: n, Hard: n})
	}
	if s.uid >= 0 {
		// The user is this sandbox's alone, so its count is too.
		limits = append(limits, rouse.Limit{Resource: unix.RLIMIT_NPROC, Soft: processesAtOnce, Hard: processesAtOnce})
	}
	return limits
}

func (s *sandbox) inspect() rouse.Inspect {
	switch {
	case s.gauge != nil:
		return s.gauge.Inspect
	case s.watcher != nil:
		return s.watcher.Inspect
	}
	return nil
}

// peak is how the most memory that a run has had is found out.
func (s *sandbox) peak() func() rouse.Bytes {
	if s.gauge != nil {
		return s.gauge.Peak
	}
	return s.watcher.Peak
}

// withoutPath has an exit speak of the code's folder by the name that it has on
// AWS: where it is on the host is nobody's business.
func withoutPath(inspect rouse.Inspect, task string) rouse.Inspect {
	return func(exit rouse.Exit) rouse.Exit {
		if inspect != nil {
			exit = inspect(exit)
		}
		exit.Error = strings.ReplaceAll(exit.Error, task, "/var/task")
		return exit
	}
}

func (s *sandbox) watchMemory() {
	if s.watcher == nil {
		return
	}
	s.d.running.Go(func() {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		s.watcher.run(s.agent.done, ticker.C, func() []int { return descendants(s.agent.pid) })
	})
}

// left is a sandbox that an earlier host process left, as its record says. The
// record may be another driver's: it can only be dropped, and its agent, to
// whom nobody listens any more, ends by itself.
func (d *Driver) left(link driver.Link) *sandbox {
	notes := link.Notes()
	memory, _ := strconv.ParseInt(notes[noteMemory], 10, 64)
	s := newSandbox(d, link, driver.Class{Memory: rouse.Bytes(memory)})
	if uid, err := strconv.Atoi(notes[noteUID]); err == nil && uid >= d.FirstUID && d.root {
		s.uid = uid
		d.uids.claim(uid)
	}
	var group cgroup.Group
	if err := json.Unmarshal([]byte(notes[noteGroup]), &group); err == nil && group.Memory != "" {
		s.group = &group
	}
	if pid, err := strconv.Atoi(notes[notePID]); err == nil {
		if s.agent, err = findAgent(pid, notes[noteStart]); err == nil {
			s.watch()
		}
	}
	return s
}

// Adopt waits until the agent has reconnected. It returns ErrGone at once when
// the agent has ended.
func (s *sandbox) Adopt(ctx context.Context) (rouse.RevisionID, rouse.Endpoint, error) {
	if s.agent == nil {
		return "", rouse.Endpoint{}, rouse.ErrGone
	}
	if s.group != nil {
		gauge, err := cgroup.NewGauge(*s.group)
		if err != nil {
			return "", rouse.Endpoint{}, fmt.Errorf("reading a sandbox's control group: %w", err)
		}
		s.gauge = gauge
	} else {
		s.watcher = &watcher{limit: s.memory}
	}
	s.d.enter(s.link)
	rev, endpoint, err := s.resume(ctx)
	if err != nil {
		return "", rouse.Endpoint{}, err
	}
	s.answers = true
	s.watchMemory()
	endpoint.Memory = s.peak()
	return rev, endpoint, nil
}

// resume waits for the agent to reconnect, or to end.
func (s *sandbox) resume(ctx context.Context) (rouse.RevisionID, rouse.Endpoint, error) {
	ctx, cancel := driver.Until(ctx, s.agent.done)
	defer cancel()
	rev, endpoint, err := s.link.Resume(ctx, s.inspect())
	if err != nil && s.agent.ended() {
		err = rouse.ErrGone
	}
	return rev, endpoint, err
}
