package drivertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func revision() rouse.Revision {
	spec := rouse.DefaultSpec()
	spec.Artifact.Image = "test"
	return rouse.NewRevision("f", spec, time.Unix(0, 0))
}

func started(t *testing.T, f *Fake) (*FakeSandbox, rouse.Endpoint) {
	t.Helper()
	rev := revision()
	s, err := f.Make(t.Context(), driver.Plain(rev))
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Assign(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*FakeSandbox), e
}

func TestFakeCountsWhatLivesAndWhatEverLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Fake{}
		a, _ := started(t, f)
		b, _ := started(t, f)
		if err := a.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Fatalf("a second Stop: %v", err)
		}
		b.Die()
		if f.Live() != 0 || f.Most() != 2 || f.Made() != 2 {
			t.Fatalf("live %d, most %d, made %d; want 0, 2, 2", f.Live(), f.Most(), f.Made())
		}
	})
}

func TestFakeHooksDelayAndFailSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no room")
		f := &Fake{OnMake: func(ctx context.Context, _ driver.Class) error {
			select {
			case <-time.After(time.Second):
				return broken
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		began := time.Now()
		if _, err := f.Make(t.Context(), driver.Class{}); !errors.Is(err, broken) {
			t.Fatalf("Make: %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Fatalf("Make took %s, want the hook's second", took)
		}
		if f.Made() != 0 {
			t.Fatal("a failed Make made a sandbox")
		}
	})
}

func TestFakeProcessEndsAndRestartsInItsSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Fake{}
		s, e := started(t, f)
		go s.End(rouse.Exit{Code: 3})
		if exit, err := e.Process.Wait(t.Context()); err != nil || exit.Code != 3 {
			t.Fatalf("Wait: %+v, %v", exit, err)
		}
		if err := e.Process.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Process.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Wait for the new run: %v", err)
		}
		if s.Starts() != 2 || s.Gone() {
			t.Fatalf("starts %d, gone %t", s.Starts(), s.Gone())
		}
		s.Die()
		if _, err := e.Process.Wait(t.Context()); !errors.Is(err, rouse.ErrGone) {
			t.Fatalf("Wait after the sandbox's death: %v", err)
		}
		if err := e.Process.Restart(t.Context()); !errors.Is(err, rouse.ErrGone) {
			t.Fatalf("Restart after the sandbox's death: %v", err)
		}
		if err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFakeProgramTalksOverBothContracts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		f := &Fake{Program: func(ctx context.Context, p *Proc) rouse.Exit {
			fmt.Fprintln(p.Stdout, "hello")
			c, err := p.RuntimeAPI(ctx)
			if err != nil {
				return rouse.Exit{Code: 1}
			}
			c.Write([]byte("poll"))
			c.Close()
			<-open
			l := p.Listen()
			if c, err = l.Accept(); err == nil {
				c.Write([]byte("served"))
				c.Close()
			}
			return Sleep(ctx, p)
		}}
		s, e := started(t, f)
		if line, err := bufio.NewReader(e.Stdout).ReadString('\n'); err != nil || line != "hello\n" {
			t.Fatalf("stdout: %q, %v", line, err)
		}
		if _, err := e.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("Dial before anything listens: %v", err)
		}
		c, err := e.RuntimeAPI.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(c); string(b) != "poll" {
			t.Fatalf("the runtime API got %q", b)
		}
		close(open)
		synctest.Wait()
		if c, err = e.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(c); string(b) != "served" {
			t.Fatalf("the port served %q", b)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(e.Stdout); err != nil {
			t.Fatalf("stdout after Stop: %v, want EOF", err)
		}
	})
}

func TestFakeKillEndsAProgramThatBlocksOnOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Fake{Program: func(ctx context.Context, p *Proc) rouse.Exit {
			for ctx.Err() == nil {
				fmt.Fprintln(p.Stderr, "nobody reads this")
			}
			return rouse.Exit{}
		}}
		s, e := started(t, f)
		if err := e.Process.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if exit, err := e.Process.Wait(t.Context()); err != nil || exit != killed {
			t.Fatalf("Wait: %+v, %v", exit, err)
		}
		s.Die()
	})
}

func TestFakeListsWhatWasLeftForAdoption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Fake{}
		rev := revision()
		f.Leave(rev, &rouse.Kept{Waiting: -1})
		list, err := f.List(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("List: %v, %v", list, err)
		}
		id, e, err := list[0].(driver.Adopter).Adopt(t.Context())
		if err != nil || id != rev.ID || e.Kept == nil {
			t.Fatalf("Adopt: %s, %+v, %v", id, e.Kept, err)
		}
		if err := list[0].Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
