package docker

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// Assign plans rev's process and has the agent start it.
func (s *sandbox) Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error) {
	first := false
	s.assigned.Do(func() { first = true })
	if !first {
		return rouse.Endpoint{}, errors.New("the sandbox has been assigned before")
	}
	u, err := s.d.userOf(ctx, s)
	if err != nil {
		return rouse.Endpoint{}, err
	}
	command, err := s.d.Planner.Plan(rev, rouse.Layout{
		Task: taskDir, Runtime: runtimeDir, Tmp: tmpDir, RuntimeAPI: runtimeAPI, Port: strconv.Itoa(httpPort),
	})
	if err != nil {
		return rouse.Endpoint{}, err
	}
	if len(command.Argv) == 0 {
		command.Argv = s.image.argv(rev.Spec.Handler)
	}
	if len(command.Argv) == 0 {
		return rouse.Endpoint{}, rouse.Errorf(rouse.StartFailed, "the image has no entry point; deploy it with a command")
	}
	if command.Dir == "" {
		command.Dir = s.image.dir
	}
	if command.Dir == "" {
		command.Dir = "/"
	}
	command.Env = layered(
		[]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + u.home},
		s.image.env, command.Env)
	l := rouse.Launch{
		Revision: rev.ID, Contract: rev.Spec.Contract, Command: command,
		UID: u.uid, GID: u.gid, Groups: u.groups,
		Limits: []rouse.Limit{{Resource: unix.RLIMIT_CORE}},
	}
	if s.gauge != nil {
		l.Inspect = s.gauge.Inspect
	}
	switch rev.Spec.Contract {
	case rouse.ContractLambda:
		l.RuntimeAPI = runtimeAPI
	case rouse.ContractHTTP:
		l.Port = httpPort
	}
	return s.link.Launch(ctx, l)
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
	s.measure(ctx)
	var inspect rouse.Inspect
	if s.gauge != nil {
		inspect = s.gauge.Inspect
	}
	ctx, cancel := s.life(ctx)
	defer cancel()
	rev, endpoint, err := s.link.Resume(ctx, inspect)
	if err != nil {
		return "", rouse.Endpoint{}, err
	}
	s.answers = true
	s.watch()
	return rev, endpoint, nil
}
