package docker

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Assign plans rev's process and has the agent start it.
func (s *sandbox) Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	if err := s.assignOnce(); err != nil {
		return rouse.Endpoint{}, err
	}
	launch, err := s.plan(ctx, rev, s.readFile)
	if err != nil {
		return rouse.Endpoint{}, err
	}
	return s.run(ctx, driver.Plain(rev), launch)
}

// run has the agent start a process whose memory is measured, and its disk.
func (s *sandbox) run(ctx context.Context, c driver.Class, launch rouse.Launch) (rouse.Endpoint, error) {
	if err := s.noteDisk(c); err != nil {
		return rouse.Endpoint{}, err
	}
	endpoint, err := s.link.Launch(ctx, launch)
	if err != nil {
		return endpoint, err
	}
	if s.gauge != nil {
		endpoint.Memory = s.gauge.Peak
	}
	s.watchDisk(endpoint.Process)
	return endpoint, nil
}

func (s *sandbox) assignOnce() error {
	err := errors.New("the sandbox has been assigned before")
	s.assigned.Do(func() { err = nil })
	return err
}

// plan is rev's process in a sandbox with the image's files, of which read
// returns a small one; one that is not there is empty.
func (s *sandbox) plan(ctx context.Context, rev rouse.Revision, read func(context.Context, string) (string, error)) (rouse.Launch, error) {
	u, err := s.d.userOf(ctx, s.image, s.runtime, read)
	if err != nil {
		return rouse.Launch{}, err
	}
	port := httpPort
	if rev.Spec.Artifact.Image != "" {
		port = cmp.Or(s.image.port, port)
	}
	own := ""
	if s.d.Platform {
		own = platform
	}
	command, err := s.d.Planner.Plan(rev, rouse.Layout{
		Task: taskDir, Opt: optDir, Bootstrap: s.bootstrap(rev), Runtime: runtimeDir, Tmp: tmpDir, RuntimeAPI: runtimeAPI, Port: strconv.Itoa(port),
		Platform: own, Instance: string(s.id),
	})
	if err != nil {
		return rouse.Launch{}, err
	}
	if len(command.Argv) == 0 {
		command.Argv = s.image.argv(rev.Spec)
	}
	if len(command.Argv) == 0 {
		return rouse.Launch{}, rouse.Errorf(rouse.StartFailed, "the image has no entry point; deploy it with a command")
	}
	if rev.Spec.Image != nil {
		command.Dir = cmp.Or(rev.Spec.Image.Directory, command.Dir)
	}
	command.Dir = cmp.Or(command.Dir, s.image.dir, "/")
	command.Env = s.environment(u, command.Env)
	l := rouse.Launch{
		Revision: rev.ID, Contract: rev.Spec.Contract, Command: command,
		UID: u.uid, GID: u.gid, Groups: u.groups, KeepCaps: rev.Spec.Caps == rouse.CapsDefault, Inspect: s.inspect,
		StopSignal: s.image.stopSignal, Platform: own,
		Limits: []rouse.Limit{{Resource: unix.RLIMIT_CORE}},
	}
	if rev.Spec.Writable { // a single file is bounded at once; all of them are by watching
		l.Limits = append(l.Limits, rouse.Limit{Resource: unix.RLIMIT_FSIZE, Soft: uint64(rev.Spec.Tmp), Hard: uint64(rev.Spec.Tmp)})
	}
	switch rev.Spec.Contract {
	case rouse.ContractLambda:
		l.RuntimeAPI = runtimeAPI
		l.Limits = append(l.Limits, rouse.Limit{Resource: unix.RLIMIT_NOFILE, Soft: driver.LambdaFiles, Hard: driver.LambdaFiles})
		if opt, err := driver.Plain(rev).Opt(s.d.Artifacts); err == nil && opt != "" {
			l.Extensions = driver.Extensions(optDir, opt)
		}
	case rouse.ContractHTTP:
		l.Port = port
	}
	return l, nil
}

// bootstrap is the program of runtime provided where a layer brings it and the
// code does not, as a path in the sandbox; else "".
func (s *sandbox) bootstrap(rev rouse.Revision) string {
	const name = "bootstrap"
	class := driver.Plain(rev)
	opt, err := class.Opt(s.d.Artifacts)
	if err != nil || opt == "" {
		return ""
	}
	code, _ := s.d.Artifacts.Path(class.Code)
	if _, err := os.Stat(filepath.Join(code, name)); err == nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(opt, name)); err != nil {
		return ""
	}
	return path.Join(optDir, name)
}

// environment is what a process of user u sees: the engine's own, the image's
// and what was planned.
func (s *sandbox) environment(u user, planned []string) []string {
	return layered(
		[]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + u.home},
		s.image.env, planned)
}

// layered joins environments; where two name a variable, the later one has it.
func layered(layers ...[]string) []string {
	var env []string
	index := make(map[string]int)
	for _, layer := range layers {
		for _, variable := range layer {
			name, _, _ := strings.Cut(variable, "=")
			if i, ok := index[name]; ok {
				env[i] = variable
				continue
			}
			index[name] = len(env)
			env = append(env, variable)
		}
	}
	return env
}

// Adopt waits until the agent has reconnected. It returns ErrGone at once when
// the container has ended or its record is lost.
func (s *sandbox) Adopt(ctx context.Context) (rouse.RevisionID, rouse.Endpoint, error) {
	select {
	case <-s.gone:
		return "", rouse.Endpoint{}, rouse.ErrGone
	default:
	}
	if s.link == nil {
		return "", rouse.Endpoint{}, rouse.ErrGone
	}
	if err := s.measure(ctx); err != nil {
		return "", rouse.Endpoint{}, err
	}
	if err := s.enter(); err != nil {
		return "", rouse.Endpoint{}, err
	}
	ctx, cancel := driver.Until(ctx, s.gone)
	defer cancel()
	s.recallDisk()
	rev, endpoint, err := s.link.Resume(ctx, s.inspect)
	if err != nil {
		return "", rouse.Endpoint{}, err
	}
	s.answers = true
	s.watch()
	if s.gauge != nil {
		endpoint.Memory = s.gauge.Peak
	}
	s.watchDisk(endpoint.Process)
	return rev, endpoint, nil
}
