package wire

import (
	"errors"
	"strings"
)

// check says which field of m is out of bounds or missing.
func (m *Message) check() error {
	switch {
	case len(m.ID) > maxID, len(m.Token) > maxToken:
		return errors.New("id or token too long")
	case m.Port < 0 || m.Port > 65535:
		return errors.New("port out of range")
	case m.Run < 0:
		return errors.New("negative run")
	case len(m.Held) > MaxHeld+Own:
		return errors.New("more names than can be held")
	case len(m.Error) > maxError:
		return errors.New("error text too long")
	case len(m.Streams) > MaxFiles:
		return errors.New("more streams than descriptors in a message")
	case len(m.Nonce) > maxToken, len(m.Proof) > maxToken:
		return errors.New("nonce or proof too long")
	case m.Errno < 0 || m.Errno > 4095:
		return errors.New("errno out of range")
	}
	for _, name := range m.Held {
		if !validName(name) {
			return errors.New("held: bad name")
		}
	}
	if m.Exit != nil {
		if err := m.Exit.check(); err != nil {
			return err
		}
	}
	return m.checkKind()
}

// checkKind asks for what each kind cannot do without.
func (m *Message) checkKind() error {
	switch m.Kind {
	case KindHello:
		if m.ID == "" { // over TCP the token is proved before, and never said
			return errors.New("hello without an id")
		}
	case KindGreet:
		if m.ID == "" || m.Nonce == "" {
			return errors.New("greet without id or nonce")
		}
	case KindChallenge:
		if m.Nonce == "" || m.Proof == "" {
			return errors.New("challenge without nonce or proof")
		}
	case KindProof:
		if m.Proof == "" {
			return errors.New("proof without a proof")
		}
	case KindReply:
		if m.Seq == 0 {
			return errors.New("reply without a number")
		}
	case KindExit:
		if m.Exit == nil {
			return errors.New("exit without an exit")
		}
	case KindStart, KindZygote:
		if m.Start == nil {
			return errors.New(string(m.Kind) + " without a command")
		}
		if m.Kind == KindStart && m.Start.Fork != (m.Seq != 0) {
			return errors.New("start is asked to fork, and told otherwise")
		}
		return m.Start.check()
	case KindRestart:
		if m.Run < 2 {
			return errors.New("restart without the run's number")
		}
	case KindSignal, KindEnd:
		if m.Signal < 1 || m.Signal > 64 {
			return errors.New("signal out of range")
		}
	case KindListen:
		if m.Name != "" && !validName(m.Name) {
			return errors.New("listen: bad name")
		}
	case KindHold, KindDrop, KindTake:
		if !validName(m.Name) {
			return errors.New(string(m.Kind) + ": bad name")
		}
	case KindWelcome, KindPlace, KindProceed, KindAwait, KindFree, KindDial, KindKill, KindFreeze, KindThaw, KindStop:
	default:
		return errors.New("unknown kind of message")
	}
	return nil
}

func (e *Exit) check() error {
	switch {
	case e.Run < 1:
		return errors.New("exit without the run's number")
	case e.Code < -1 || e.Code > 255:
		return errors.New("exit code out of range")
	case e.Signal < 0 || e.Signal > 127:
		return errors.New("exit signal out of range")
	case len(e.Error) > maxError, len(e.Extension) > maxExtension:
		return errors.New("exit text too long")
	}
	return nil
}

// check refuses what would not reach the process as it was meant: a NUL ends a
// C string early.
func (s *Start) check() error {
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return errors.New("start without a program")
	}
	if s.UID < 0 || s.GID < 0 {
		return errors.New("start with a negative uid or gid")
	}
	if len(s.Extensions) > MaxExtensions {
		return errors.New("start with too many extensions")
	}
	for _, list := range [][]string{s.Argv, s.Env, {s.Dir}, s.Extensions} {
		for _, word := range list {
			if strings.IndexByte(word, 0) >= 0 {
				return errors.New("start with a NUL in argv, env or dir")
			}
		}
	}
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == ':') {
			return false
		}
	}
	return true
}
