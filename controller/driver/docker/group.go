package docker

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/docker/docker/api/types/container"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

// measure finds the container's control group, and has the kernel spare the
// agent when memory is short. Where /proc or the group is not the host's, as
// within another container, exits do not tell of memory. That the engine does
// not answer, or that the container has ended, is an error.
func (s *sandbox) measure(ctx context.Context) error {
	var r container.InspectResponse
	err := call(ctx, "inspecting a container", func(ctx context.Context) (err error) {
		r, err = s.d.api.ContainerInspect(ctx, s.container)
		return err
	})
	if err != nil {
		return err
	}
	s.layer = r.GraphDriver.Data["UpperDir"]
	err = s.find(r.State.Pid)
	switch {
	case err == nil:
		s.d.sighted.Store(true)
	case s.d.sighted.Load(): // so it can be seen of those that run
		return fmt.Errorf("looking for a container's control group: %w", err)
	default:
		s.d.blind.Do(func() {
			s.d.Log.Warn("the memory of sandboxes cannot be read: exits will not say out of memory", "error", err)
		})
	}
	return nil
}

// find finds the control group of the container's first process.
func (s *sandbox) find(pid int) error {
	group, err := cgroup.Of(pid, s.container)
	if err != nil {
		return err
	}
	// Asked of the engine, a start would fail where the right is missing.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("-999"), 0)
	s.pid, s.group = pid, group
	if inner, ok := group.Nested(); ok { // an earlier Rouse made it
		s.nested, group = &inner, inner
	}
	s.gauge, err = cgroup.NewGauge(group)
	return err
}

// nest has the function count in a control group of its own, so that neither
// its limit nor what ends it concerns the agent. Where that cannot be, the two
// share the container's.
func (s *sandbox) nest() {
	if s.gauge == nil || s.link.Dir() == "" { // over TCP no descriptor can be given
		return
	}
	inner, door, err := s.group.Nest(s.pid)
	if err == nil {
		err = errors.Join(s.link.Place(door), door.Close())
	}
	var gauge *cgroup.Gauge
	if err == nil {
		gauge, err = cgroup.NewGauge(inner)
	}
	if err != nil {
		s.d.Log.Debug("a function shares its agent's control group", "sandbox", s.id, "error", err)
		return
	}
	s.gauge.Close()
	s.nested, s.gauge = &inner, gauge
}

// limitFunction gives the function's own group the memory limit of a class. The
// container's, which is a little higher, stays as a second wall.
func (s *sandbox) limitFunction(c driver.Class) error {
	if s.nested == nil {
		return nil
	}
	return s.nested.Limit(cgroup.Limits{Memory: c.Memory})
}

// limit gives the running container the limits of a class: at once through its
// control group, or through the engine where that keeps them in its own books.
func (s *sandbox) limit(ctx context.Context, c driver.Class) error {
	r := resources(c)
	if !s.d.host.systemd {
		err := s.group.Limit(cgroup.Limits{
			Memory: rouse.Bytes(r.Memory), CPU: c.CPU, Shares: r.CPUShares,
		})
		if err == nil {
			return nil
		}
		s.d.Log.Debug("a control group cannot be written; the engine is asked to", "error", err)
	}
	return call(ctx, "limiting a container", func(ctx context.Context) error {
		_, err := s.d.api.ContainerUpdate(ctx, s.container, container.UpdateConfig{Resources: r})
		return err
	})
}
