package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// Limits bound a new group. Zero is no limit.
type Limits struct {
	Memory rouse.Bytes
	Pids   int
	CPU    float64 // cores
	Shares int64   // of the CPU while it is short; 1024 is one core's
}

// Make makes the group parent/name below this process' own groups or, where
// that cannot be, at the top, and sets its limits. Without a writable memory
// controller it fails and leaves nothing.
func Make(parent, name string, l Limits) (Group, error) {
	own, err := of(mounted, "/proc/self/cgroup")
	if err != nil {
		return Group{}, err
	}
	g, err := own.child(parent, name, l)
	if err == nil {
		return g, nil
	}
	top := Group{Memory: mounted, Pids: mounted, CPU: mounted, V2: true}
	if !own.V2 {
		top = Group{
			Memory: filepath.Join(mounted, "memory"),
			Pids:   filepath.Join(mounted, "pids"),
			CPU:    filepath.Join(mounted, "cpu"),
		}
	}
	g, errTop := top.child(parent, name, l)
	if errTop != nil {
		return Group{}, errors.Join(err, errTop)
	}
	return g, nil
}

// child makes the group and limits what can be limited. Memory must be: the
// other controllers may be missing.
func (g Group) child(parent, name string, l Limits) (Group, error) {
	made := Group{V2: g.V2}
	var err error
	if made.Memory, err = g.mkdir(g.Memory, "memory", parent, name); err != nil {
		return Group{}, err
	}
	if err := made.limitMemory(l.Memory); err != nil {
		return Group{}, errors.Join(err, made.Remove())
	}
	if dir, err := g.mkdir(g.Pids, "pids", parent, name); err == nil {
		made.Pids = dir
		if err := made.limitPids(l.Pids); err != nil {
			return Group{}, errors.Join(err, made.Remove())
		}
	}
	if dir, err := g.mkdir(g.CPU, "cpu", parent, name); err == nil {
		made.CPU = dir
		if err := made.limitCPU(l.CPU); err != nil {
			return Group{}, errors.Join(err, made.Remove())
		}
	}
	return made, nil
}

// mkdir makes base/parent/name with the controller enabled.
func (g Group) mkdir(base, controller, parent, name string) (string, error) {
	if base == "" {
		return "", fmt.Errorf("no %s controller", controller)
	}
	dir := filepath.Join(base, parent)
	for tries := 0; ; tries++ {
		err := g.mkdirs(base, dir, filepath.Join(dir, name), controller)
		// Another sandbox's end may take an empty parent away meanwhile.
		if err == nil || !errors.Is(err, fs.ErrNotExist) || tries == 2 {
			return filepath.Join(dir, name), err
		}
	}
}

func (g Group) mkdirs(base, parent, dir, controller string) error {
	if g.V2 {
		if err := enable(base, controller); err != nil {
			return err
		}
	}
	if err := mkdir(parent); err != nil {
		return err
	}
	if g.V2 {
		if err := enable(parent, controller); err != nil {
			return err
		}
	}
	return mkdir(dir)
}

func enable(dir, controller string) error {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	if slices.Contains(strings.Fields(string(b)), controller) {
		return nil
	}
	return put(dir, "cgroup.subtree_control", "+"+controller)
}

// Limit sets the limits of a group that is in use. Every controller that a limit
// is asked of has to be there.
func (g Group) Limit(l Limits) error {
	return errors.Join(g.limitMemory(l.Memory), g.limitPids(l.Pids), g.limitCPU(l.CPU), g.share(l.Shares))
}

func (g Group) limitMemory(limit rouse.Bytes) error {
	if limit <= 0 {
		return nil
	}
	bytes := strconv.FormatInt(int64(limit), 10)
	if g.V2 {
		// Swap is a kernel's option, and without it there is none to limit.
		return errors.Join(put(g.Memory, "memory.max", bytes), optional(put(g.Memory, "memory.swap.max", "0")))
	}
	return errors.Join(
		put(g.Memory, "memory.limit_in_bytes", bytes),
		optional(put(g.Memory, "memory.memsw.limit_in_bytes", bytes)))
}

func (g Group) limitPids(limit int) error {
	if limit <= 0 {
		return nil
	}
	return put(g.Pids, "pids.max", strconv.Itoa(limit))
}

// period is the kernel's own default.
const period = 100_000 // µs

func (g Group) limitCPU(cores float64) error {
	if cores <= 0 {
		return nil
	}
	quota := strconv.Itoa(max(1000, int(math.Round(cores*period))))
	if g.V2 {
		return put(g.CPU, "cpu.max", quota+" "+strconv.Itoa(period))
	}
	return errors.Join(
		put(g.CPU, "cpu.cfs_period_us", strconv.Itoa(period)),
		put(g.CPU, "cpu.cfs_quota_us", quota))
}

// share sets what the group gets of a CPU that is short. Version 2 counts in
// weights of 1 to 10000, into which container runtimes convert like this.
func (g Group) share(shares int64) error {
	if shares <= 0 {
		return nil
	}
	if g.V2 {
		return put(g.CPU, "cpu.weight", strconv.FormatInt(1+(max(shares, 2)-2)*9999/262142, 10))
	}
	return put(g.CPU, "cpu.shares", strconv.FormatInt(shares, 10))
}

// Add puts a process, and what it will start, into the group.
func (g Group) Add(pid int) error {
	for _, dir := range g.dirs() {
		if err := put(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the group, which must be empty. A group that is not there is fine.
func (g Group) Remove() error {
	var errs []error
	for _, dir := range g.dirs() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		// The parent goes with its last group, whoever's that is.
		_ = os.Remove(filepath.Dir(dir))
	}
	return errors.Join(errs...)
}

func (g Group) dirs() []string {
	var dirs []string
	for _, dir := range []string{g.Memory, g.Pids, g.CPU} {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func put(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
