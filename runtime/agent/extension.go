package agent

import (
	"path"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// companions are a run's external extensions: processes beside the main one,
// which begins when the host says that they are ready for it.
type companions struct {
	output   int            // write end of what they print; -1 when there are none
	commands map[string]int // memfds with a wire.Start, by the program's path
	pids     map[int]string // those that run, with their names
	reports  map[int]int    // what their launchers have to say, by pid
	pending  bool           // the run's main process has yet to begin
	ends     []func()       // what to do when the main process has ended
	leaves   []func()       // what to do when none of them runs
}

// accompany remembers the programs that are to run beside s.
func (c *companions) accompany(s *wire.Start) error {
	c.commands, c.pids, c.reports = map[string]int{}, map[int]string{}, map[int]int{}
	for _, program := range s.Extensions {
		own := *s
		own.Argv, own.Dir, own.Extensions = []string{program}, "/", nil
		command, err := written(&own)
		if err != nil {
			return err
		}
		c.commands[program] = command
	}
	return nil
}

// beginCompanions starts the extensions of a run, and says whether there are any.
func (a *agent) beginCompanions() (any bool, err error) {
	f, c := &a.function, &a.function.companions
	for program, command := range c.commands {
		pid, report, err := f.launch(command, c.output, c.output)
		if err != nil {
			return true, err
		}
		c.pids[pid], c.reports[pid] = path.Base(program), report
	}
	c.pending = len(c.commands) > 0
	return c.pending, nil
}

// proceed begins the main process of a run whose extensions are ready.
func (a *agent) proceed(m wire.Message) {
	c := &a.function.companions
	if c.pending && a.function.exit == nil {
		c.pending = false
		a.beginMain(a.function.run)
	}
	a.reply(m.Seq, wire.Message{}, nil)
}

// companionEnded takes note of an extension's death. While the main process is
// there or to come it is the run's end.
func (a *agent) companionEnded(pid int, status unix.WaitStatus) {
	f, c := &a.function, &a.function.companions
	name, said := c.pids[pid], reported(c.reports[pid])
	delete(c.pids, pid)
	delete(c.reports, pid)
	if len(c.pids) == 0 {
		for _, then := range c.leaves {
			then()
		}
		c.leaves = nil
	}
	if f.exit != nil {
		return
	}
	c.pending = false
	e := wire.Exit{Run: f.run, Code: status.ExitStatus(), Error: said, Extension: name}
	if status.Signaled() {
		e.Signal = int(status.Signal())
	}
	a.ended(e)
	f.waiting = append([]func(){func() {}}, f.waiting...)
}

// end signals the main process and its group, and replies when it has ended.
func (a *agent) end(m wire.Message) {
	f := &a.function
	then := func() { a.reply(m.Seq, wire.Message{}, nil) }
	if f.pid == 0 {
		then()
		return
	}
	f.companions.ends = append(f.companions.ends, then)
	f.signal(syscall.Signal(m.Signal))
}

// await replies when no extension runs.
func (a *agent) await(m wire.Message) {
	c := &a.function.companions
	then := func() { a.reply(m.Seq, wire.Message{}, nil) }
	if len(c.pids) == 0 {
		then()
		return
	}
	c.leaves = append(c.leaves, then)
}

// mainEnded does what waits for the main process, and says whether extensions
// go on without it.
func (c *companions) mainEnded() (others bool) {
	for _, then := range c.ends {
		then()
	}
	c.ends = nil
	return len(c.pids) > 0
}
