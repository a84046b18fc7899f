package agent

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// forkTimeout is how long a zygote may take to fork before the command is
// started without it.
const forkTimeout = 2 * time.Second

// lastWords is how long what a zygote said before it ended may take to be heard
// when something that it started keeps its socket open.
const lastWords = time.Second

// forked is the exit status of a zygote whose child goes on.
const forked = 75

var errKilled = errors.New("it was killed before it had forked")

// zygote is an interpreter that waits to be forked. It is the agent's child;
// so is its own child, once it has gone.
type zygote struct {
	pid     int      // 0 when there is none, or none any more
	report  int      // its launcher's, -1 afterwards
	control *os.File // nil when there is nothing to be heard from it
	refusal string   // what it said about its modules
	failure string   // what its launcher said, when it ended
	// asked is the request that waits for it: the zygote's own while it imports,
	// the start's while it forks, else 0.
	asked uint64
	stage stage
}

// stage is how far a zygote has come.
type stage int

const (
	none stage = iota
	importing
	waiting
	forking
	over
)

func (z *zygote) forking() bool { return z.stage == forking }

// close forgets the way to the zygote. It is idempotent.
func (z *zygote) close() {
	if z.control != nil {
		z.control.Close()
		z.control = nil
	}
}

// hatch starts a zygote, and answers when its modules are loaded.
func (a *agent) hatch(m wire.Message) {
	z := &a.zygote
	if z.stage != none || a.function.run != 0 {
		a.reply(m.Seq, wire.Message{}, errors.New("a sandbox has one zygote, before its command"))
		return
	}
	a.function.dismiss()
	if err := a.launchZygote(m.Start); err != nil {
		a.reply(m.Seq, wire.Message{}, err)
		return
	}
	z.stage, z.asked = importing, m.Seq
	control := z.control
	a.helpers.Go(func() { a.hearZygote(control) })
}

func (a *agent) launchZygote(s *wire.Start) error {
	z := &a.zygote
	command, err := written(s)
	if err != nil {
		return err
	}
	defer unix.Close(command)
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(ends[1])
	err = unix.SetNonblock(ends[0], true)
	if err == nil {
		f := &a.function
		z.pid, z.report, err = f.launch(command, f.null, f.null, ends[1])
	}
	if err != nil {
		unix.Close(ends[0])
		return err
	}
	z.control = os.NewFile(uintptr(ends[0]), "zygote")
	return nil
}

// hearZygote brings what a zygote says to the loop, until it or its child ends.
func (a *agent) hearZygote(control *os.File) {
	buf := make([]byte, 4<<10)
	for {
		n, err := control.Read(buf)
		said := string(buf[:n])
		posted := a.post(func() {
			switch {
			case a.zygote.control != control:
			case err != nil:
				a.zygote.close()
				a.checkImports()
				a.checkFork()
			default:
				a.zygoteSays(said)
			}
		})
		if err != nil || !posted {
			return
		}
	}
}

func (a *agent) zygoteSays(said string) {
	z := &a.zygote
	word, rest, _ := strings.Cut(said, " ")
	switch {
	case word == "ready" && z.stage == importing:
		z.stage = waiting
		a.reply(z.asked, wire.Message{}, nil)
		z.asked = 0
	case word == "refused" && z.stage == importing:
		z.refusal = rest
	case word == "forked" && z.stage == forking:
		a.forked(rest)
	}
}

// fork has the zygote begin run 1. What goes wrong with that leads to the
// command being started as any other.
func (a *agent) fork(m wire.Message) {
	z, f := &a.zygote, &a.function
	f.run, f.exit = 1, nil
	ready := z.stage == waiting
	z.stage, z.asked = forking, m.Seq
	if !ready {
		a.startInstead("there is none")
		return
	}
	if err := z.send(packed(m.Start), f.stdout, f.stderr); err != nil {
		a.startInstead(err.Error())
		return
	}
	a.later(forkTimeout, func() {
		if z.forking() {
			a.startInstead("it did not fork in time")
		}
	})
}

// packed is a command as a zygote reads it.
func packed(s *wire.Start) []byte {
	fields := append([]string{strconv.Itoa(len(s.Argv)), s.Dir}, s.Argv...)
	return []byte(strings.Join(append(fields, s.Env...), "\x00"))
}

func (z *zygote) send(b []byte, files ...int) error {
	if z.control == nil {
		return errors.New("it has ended")
	}
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	raw, err := z.control.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) { err = unix.Sendmsg(int(fd), b, rights, nil, unix.MSG_NOSIGNAL) })
	if ctlErr != nil {
		return ctlErr
	}
	return os.NewSyscallError("sendmsg", err)
}

// forked makes the zygote's child the function's process, and lets it go on.
func (a *agent) forked(who string) {
	z := &a.zygote
	pid, ok := number(who)
	parent := 0
	if ok && pid > 1 {
		parent = statOf(who, make([]byte, 512)).parent
	}
	if parent == 0 || parent != z.pid && parent != os.Getpid() {
		a.startInstead("it named a process that is not its own")
		return
	}
	if err := z.send([]byte("go")); err != nil {
		a.startInstead(err.Error())
		return
	}
	a.function.pid = pid
	z.stage = over
	a.reply(z.asked, wire.Message{}, nil)
	z.close()
}

// zygoteEnded is told when the zygote itself has gone.
func (a *agent) zygoteEnded(status unix.WaitStatus) {
	z := &a.zygote
	z.pid = 0
	z.failure = reported(z.report)
	z.report = -1
	if z.stage == importing { // its last words may still be on their way
		a.later(lastWords, func() { z.close(); a.checkImports() })
		a.checkImports()
		return
	}
	switch {
	case z.stage == forking && status.Exited() && status.ExitStatus() == forked:
		a.checkFork()
	case z.stage == forking:
		a.startInstead("it ended before it had forked")
	case z.stage != over:
		z.stage = over
		z.close()
	}
}

// checkImports gives up a zygote of which nothing more will be heard.
func (a *agent) checkImports() {
	z := &a.zygote
	if z.stage != importing || z.pid != 0 || z.control != nil {
		return
	}
	said := z.failure
	switch {
	case z.refusal != "":
		said = z.refusal
	case said == "":
		said = "the interpreter ended while it imported modules"
	}
	z.stage = over
	a.reply(z.asked, wire.Message{}, errors.New(said))
	z.asked = 0
}

// checkFork gives up a fork of which nothing more will be heard.
func (a *agent) checkFork() {
	if z := &a.zygote; z.forking() && z.pid == 0 && z.control == nil {
		a.startInstead("its child ended before it had begun")
	}
}

// startInstead begins run 1 without the zygote, and tells the host why.
func (a *agent) startInstead(why string) {
	z := &a.zygote
	asked := z.asked
	z.stage, z.asked = over, 0
	z.close()
	a.whenNoneLeft(func() {
		a.begin(1)
		a.reply(asked, wire.Message{}, errors.New("fork the zygote: "+why))
	})
}

// abandonFork ends run 1 while it is still to be forked: who asks for every
// process to be ended means it too.
func (a *agent) abandonFork() {
	z := &a.zygote
	if !z.forking() {
		return
	}
	asked := z.asked
	z.stage, z.asked = over, 0
	z.close()
	a.ended(wire.Exit{Run: a.function.run, Code: -1, Signal: int(unix.SIGKILL)})
	a.reply(asked, wire.Message{}, errKilled)
}
