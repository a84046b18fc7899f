package agent

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/relay"
	"github.com/rousehq/rouse/runtime/wire"
)

var (
	errNoCommand = errors.New("nothing was started yet")
	errNotHeld   = errors.New("nothing is held under that name")
)

// filesOf is how many descriptors come with a message.
func filesOf(m *wire.Message) int {
	switch m.Kind {
	case wire.KindStart:
		return 2 * m.Start.Outputs()
	case wire.KindHold, wire.KindPlace:
		return 1
	}
	return 0
}

// obey does what the host says. A host that breaks the protocol is hung up on.
func (a *agent) obey(m wire.Message, files []int) {
	isWelcome := m.Kind == wire.KindWelcome
	if isWelcome == a.welcomed || len(files) != filesOf(&m) {
		wire.CloseAll(files)
		a.hangUp()
		return
	}
	switch m.Kind {
	case wire.KindWelcome:
		a.welcomed = true
		a.rename(m.Token)
	case wire.KindListen:
		a.listen(m)
	case wire.KindFree:
		port, err := freePort()
		a.reply(m.Seq, wire.Message{Port: port}, err)
	case wire.KindDial:
		a.dial(m)
	case wire.KindHold:
		a.hold(m.Name, files[0])
	case wire.KindDrop:
		a.drop(m.Name)
	case wire.KindTake:
		a.take(m)
	case wire.KindStop:
		a.quit(nil)
	default:
		a.obeyProcess(m, files)
	}
}

// rename takes the token for the next time.
func (a *agent) rename(token string) {
	switch {
	case token == "":
	case a.config.Relay == "":
		a.config.Token = token
	case !a.again:
		a.config.Token, a.again = relay.NextToken(a.config.Token, token), true
	}
}

// obeyProcess does what the host says about the function's process.
func (a *agent) obeyProcess(m wire.Message, files []int) {
	f := &a.function
	switch m.Kind {
	case wire.KindStart:
		a.start(m, files)
	case wire.KindPlace:
		f.placeAt(files[0])
	case wire.KindZygote:
		a.hatch(m)
	case wire.KindSignal:
		if a.zygote.forking() { // nobody is there yet to hear it
			a.whenNoneLeft(func() {})
		}
		f.signal(syscall.Signal(m.Signal))
	case wire.KindFreeze:
		a.reply(m.Seq, wire.Message{}, f.freeze())
	case wire.KindThaw:
		a.reply(m.Seq, wire.Message{}, f.thaw())
	case wire.KindProceed:
		a.proceed(m)
	case wire.KindEnd:
		a.end(m)
	case wire.KindAwait:
		a.await(m)
	case wire.KindKill:
		a.whenNoneLeft(func() { a.reply(m.Seq, wire.Message{}, nil) })
	case wire.KindRestart:
		if f.run == 0 {
			a.reply(m.Seq, wire.Message{}, errNoCommand)
			return
		}
		a.whenNoneLeft(func() {
			a.begin(m.Run)
			a.reply(m.Seq, wire.Message{}, nil)
		})
	default: // what only an agent says
		wire.CloseAll(files)
		a.hangUp()
	}
}

// reply answers request seq, with err's words and number when it failed.
func (a *agent) reply(seq uint64, m wire.Message, err error, files ...int) {
	if err != nil {
		m = wire.Message{Error: err.Error()}
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			m.Errno = int(errno)
		}
	}
	m.Kind, m.Seq = wire.KindReply, seq
	a.send(m, files...)
}

// hold keeps fd under name, in place of what was there.
func (a *agent) hold(name string, fd int) {
	a.drop(name)
	if len(a.held) >= wire.MaxHeld+wire.Own {
		unix.Close(fd)
		return
	}
	a.held[name] = fd
}

func (a *agent) drop(name string) {
	if fd, ok := a.held[name]; ok {
		delete(a.held, name)
		unix.Close(fd)
	}
}

// take gives the host a duplicate; the agent goes on holding.
func (a *agent) take(m wire.Message) {
	fd, ok := a.held[m.Name]
	if !ok {
		a.reply(m.Seq, wire.Message{}, errNotHeld)
		return
	}
	a.reply(m.Seq, wire.Message{}, nil, fd)
}
