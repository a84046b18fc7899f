package link

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// adopt ends b's host as a crash would and finds the sandbox with a new one.
func (b *box) adopt() *Link {
	b.t.Helper()
	if err := b.host.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.host = newHost(b.t, b.host.dir, patience)
	if b.way.relayed {
		if err := b.host.Relay("127.0.0.1:0", ""); err != nil {
			b.t.Fatal(err)
		}
	}
	left, err := b.host.Left()
	if err != nil {
		b.t.Fatal(err)
	}
	if len(left) != 1 || left[0].ID() != b.id {
		b.t.Fatalf("left: %v", left)
	}
	b.Link = left[0]
	if b.way.opened {
		b.Enter(nil)
	}
	return b.Link
}

func (b *box) resume() *output {
	b.t.Helper()
	rev, ep, err := b.adopt().Resume(soon(b.t), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if rev != "rev" || ep.Kept == nil {
		b.t.Errorf("resumed %q, kept %v", rev, ep.Kept)
	}
	return newOutput(b.t, ep)
}

func TestANewHostTakesOverAServer(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		if err := b.Note("container", "abc"); err != nil {
			t.Fatal(err)
		}
		o := b.start(rouse.Launch{Contract: rouse.ContractHTTP, Command: function("echo", "PORT="+rouse.PortVar)})
		o.line()
		before := b.descendants()
		for range 2 { // and its successor
			o = b.resume()
			if got := b.Notes()["container"]; got != "abc" {
				t.Errorf("notes %v", b.Notes())
			}
			o.echoes()
		}
		if after := b.descendants(); len(before) != 1 || len(after) != 1 || before[0][:3] != after[0][:3] {
			t.Errorf("the process was %v and is %v", before, after)
		}
		if err := o.Process.Restart(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := o.line(); got != "listening" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAKeptConnectionGoesOnWithItsPoll(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.start(lambda(function("poll", "API="+rouse.AddrVar)))
		conn := serveEvents(t, o.RuntimeAPI, 1)
		slot, err := o.Keeper.Keep(conn)
		if err != nil {
			t.Fatal(err)
		}
		expectPoll(t, conn)
		o.Keeper.Idle(slot)
		if w.relayed { // what was under way to a host that dies goes with it
			o.line()
		}
		o.Close()
		conn.Close()

		o = b.resume()
		if o.Kept.Waiting != slot || len(o.Kept.Conns) != 1 {
			t.Fatalf("kept %+v", o.Kept)
		}
		conn = o.Kept.Conns[slot]
		fmt.Fprintln(conn, "event after")
		if !w.relayed {
			if got := o.line(); got != "got event 0" { // printed before the crash, read after
				t.Errorf("got %q", got)
			}
		}
		if got := o.line(); got != "got event after" {
			t.Errorf("got %q", got)
		}
		o.Keeper.Busy()
		if o = b.resume(); o.Kept.Waiting != -1 || o.Kept.Conns[slot] == nil {
			t.Errorf("at work, kept %+v", o.Kept)
		}
		o.Keeper.Drop(slot)
		if o = b.resume(); o.Kept.Waiting != -1 || len(o.Kept.Conns) != 0 {
			t.Errorf("dropped, kept %+v", o.Kept)
		}
		// The listener was kept too.
		if err := o.Process.Restart(soon(t)); err != nil {
			t.Fatal(err)
		}
		serveEvents(t, o.RuntimeAPI, 1).Close()
	})
}

func TestARunThatEndedMeanwhileIsReported(t *testing.T) {
	b := newBox(t, way{})
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o666); err != nil {
		t.Fatal(err)
	}
	o := b.launch("sh", "-c", "echo ready; read x < "+gate+"; echo last words; exit 9")
	o.line()
	if err := b.host.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(b.descendants()) == 0 })
	o = b.resume()
	if got := o.wait(); got.Code != 9 {
		t.Errorf("exit %+v", got)
	}
	if got := o.line(); got != "last words" {
		t.Errorf("got %q", got)
	}
}

func TestASandboxWithoutARevisionIsNotResumed(t *testing.T) {
	b := newBox(t, way{})
	if _, _, err := b.adopt().Resume(soon(t), nil); err == nil || !strings.Contains(err.Error(), "never given a revision") {
		t.Errorf("error %v", err)
	}
}

func TestAnAgentEndsItsSandboxWhenNoHostComes(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBoxFor(t, w, time.Second)
		o := b.launch("sh", "-c", family)
		o.line()
		waitFor(t, func() bool { return len(b.descendants()) >= 5 })
		began := time.Now()
		if err := b.host.Close(); err != nil {
			t.Fatal(err)
		}
		before := b.descendants()
		if len(before) < 5 {
			t.Errorf("only %v are left at once", before)
		}
		<-b.over
		if took := time.Since(began); took < time.Second {
			t.Errorf("it waited %s only", took)
		}
		for _, p := range before {
			if alive(p[:len(p)-2]) {
				t.Errorf("%s is left", p)
			}
		}
	})
}

func TestLeftForgetsWhatItCannotBelieve(t *testing.T) {
	h := newHost(t, t.TempDir(), patience)
	for name, text := range map[string]string{
		"none": "", "garbage": "{", "empty": "{}",
		"future": `{"version":99,"id":"future","token":"x","reconnect":"y"}`,
		"other":  `{"version":1,"id":"another","token":"x","reconnect":"y"}`,
		"whole":  `{"version":1,"id":"whole","token":"x","reconnect":"y"}`, // but without a state
	} {
		if err := os.Mkdir(filepath.Join(h.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if text != "" {
			if err := os.WriteFile(filepath.Join(h.dir, name, recordName), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	left, err := h.Left()
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if entries, _ := os.ReadDir(h.dir); len(entries) != 0 {
		t.Errorf("still there: %v", entries)
	}
}

func TestConnectedEndsWithItsContext(t *testing.T) {
	h := newHost(t, t.TempDir(), patience)
	l, err := h.Expect("nobody")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Connected(ctx); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if err := l.Terminate(t.Context()); !isGone(err) {
		t.Errorf("terminate: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Connected(t.Context()); !isGone(err) {
		t.Errorf("error after close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	keeper{l}.Idle(1) // whoever comes late does no harm
}
