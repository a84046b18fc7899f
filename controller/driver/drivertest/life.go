package drivertest

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

func exits(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	_ = x.ask(order{Do: "exit", N: 7}, nil)
	if exit := x.exit(); exit.Code != 7 || exit.Signal != "" || exit.OOM {
		t.Errorf("exit status 7 is %+v", exit)
	}
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, "ready")
	_ = x.ask(order{Do: "signal", N: int(syscall.SIGKILL)}, nil)
	if exit := x.exit(); exit.Code != -1 || exit.Signal != "killed" || exit.OOM {
		t.Errorf("SIGKILL is %+v", exit)
	}
}

func missingProgram(t *testing.T, b *bench) {
	x, err := b.tryStart(b.spec(rouse.ContractHTTP, func(s *rouse.Spec) { s.Command = []string{"/no/such/program"} }))
	if err != nil {
		if !strings.Contains(err.Error(), "/no/such/program") {
			t.Fatalf("the error does not name the program: %v", err)
		}
		return
	}
	defer x.stop()
	if exit := x.exit(); !strings.Contains(exit.Error, "/no/such/program") {
		t.Fatalf("the exit does not name the program: %+v", exit)
	}
}

func restart(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	file := x.tmp() + "/kept"
	x.must(order{Do: "write", Text: file, N: 5}, nil)
	for range 3 {
		if err := x.endpoint.Process.Restart(b.ctx); err != nil {
			t.Fatal(err)
		}
		x.stdout.await(t, "ready")
	}
	var size int
	if x.must(order{Do: "size", Text: file}, &size); size != 5 {
		t.Errorf("a file in /tmp has %d bytes after restarts, want 5", size)
	}
}

func kill(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	mark := string(x.sandbox.ID())
	x.must(order{Do: "sleepers", Text: mark, N: 5}, nil)
	var n int
	if x.must(order{Do: "count", Text: mark}, &n); n != 5 {
		t.Fatalf("%d sleepers, want 5", n)
	}
	for range 2 { // the second has nothing to do
		if err := x.endpoint.Process.Kill(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if exit := x.exit(); exit.Signal != "killed" {
		t.Errorf("the exit was %+v", exit)
	}
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, "ready")
	if x.must(order{Do: "count", Text: mark}, &n); n != 0 {
		t.Errorf("%d sleepers outlived Kill", n)
	}
}

func freeze(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	patient := x.client.Timeout
	for range 2 {
		if err := x.endpoint.Process.Freeze(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	x.client.Timeout = 100 * time.Millisecond
	for x.ask(order{Do: "pid"}, nil) == nil { // a thread at work may finish what it does
		if b.ctx.Err() != nil {
			t.Fatal("a frozen function answered all the time")
		}
	}
	x.client.Timeout = patient
	for range 2 {
		if err := x.endpoint.Process.Thaw(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	x.must(order{Do: "pid"}, nil)
}

func goodbye(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	if err := x.sandbox.Stop(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, "goodbye")
	x.drop()
}

func stubborn(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP, func(s *rouse.Spec) {
		s.Environment = map[string]string{"STUBBORN": "1"}
	}))
	ctx, cancel := context.WithTimeout(b.ctx, 200*time.Millisecond)
	defer cancel()
	if err := x.sandbox.Stop(ctx); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	x.drop()
}

func stopTwice(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	results := make(chan error)
	for range 3 {
		go func() { results <- x.sandbox.Stop(b.ctx) }()
	}
	for range 3 {
		if err := <-results; err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	x.stop()
	if _, err := x.endpoint.Process.Wait(b.ctx); err != nil && !errors.Is(err, rouse.ErrGone) {
		t.Errorf("Process.Wait after Stop: %v", err)
	}
	if err := x.endpoint.Process.Restart(b.ctx); !errors.Is(err, rouse.ErrGone) {
		t.Errorf("Restart after Stop: %v, want ErrGone", err)
	}
}

func destroyed(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	x.must(order{Do: "sleepers", Text: string(x.sandbox.ID()), N: 3}, nil)
	b.suite.Destroy(t, x.sandbox.ID())
	if err := x.sandbox.Wait(b.ctx); err != nil {
		t.Fatalf("Wait: %v", err)
	}
	if _, err := x.endpoint.Process.Wait(b.ctx); err != nil && !errors.Is(err, rouse.ErrGone) {
		t.Errorf("Process.Wait: %v", err)
	}
	x.stop()
}

func once(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	defer x.stop()
	if _, err := x.sandbox.Assign(b.ctx, x.rev); err == nil {
		t.Error("a second assignment was taken")
	}
}

func givenUp(t *testing.T, b *bench) {
	spec := b.spec(rouse.ContractHTTP)
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(b.ctx, after)
		sandbox, err := b.host.Driver.Make(ctx, driver.Plain(rouse.NewRevision("f", spec, time.Unix(0, 0))))
		cancel()
		if err == nil { // it was faster
			if err := sandbox.Stop(b.ctx); err != nil {
				t.Error(err)
			}
		}
	}
}

func sideBySide(t *testing.T, b *bench) {
	spec := b.spec(rouse.ContractHTTP)
	const n = 4
	results := make(chan error)
	for range n {
		go func() {
			x, err := b.tryStart(spec)
			if err == nil {
				x.stdout.await(t, "ready")
				err = x.ask(order{Do: "pid"}, nil)
				x.stop()
			}
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Error(explain(err))
		}
	}
}

// leaks compares what the host process has open before and after.
func leaks(t *testing.T, b *bench) {
	spec := b.spec(rouse.ContractLambda)
	b.start(spec).stop() // what is opened once is open now
	before := descriptors(t)
	const starts = 5
	for range starts {
		b.start(spec).stop()
	}
	// The driver and the suite may have a connection more in their pools.
	if after := descriptors(t); len(after) >= len(before)+starts {
		t.Errorf("%d descriptors before %d starts, %d after: %q", len(before), starts, len(after), after)
	}
}

func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			open = append(open, target)
		}
	}
	return open
}

func check(t *testing.T, b *bench) {
	good := b.spec(rouse.ContractHTTP)
	for name, change := range map[string]func(*rouse.Spec){
		"more memory than the host has": func(s *rouse.Spec) { s.Memory = 1 << 50 },
		"more cores than the host has":  func(s *rouse.Spec) { s.CPU = 1000 },
		"an unknown runtime":            func(s *rouse.Spec) { s.Artifact, s.Runtime = rouse.Artifact{Code: codeDigest}, "cobol" },
		"an impossible image":           func(s *rouse.Spec) { s.Artifact, s.Runtime = rouse.Artifact{Image: "No Image"}, "" },
	} {
		spec := good
		change(&spec)
		if _, err := b.host.Driver.Check(b.ctx, spec, nil); rouse.CodeOf(err) != rouse.Invalid {
			t.Errorf("%s: %v, want an Invalid error", name, err)
		}
	}
	again, err := b.host.Driver.Check(b.ctx, good, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.Artifact != good.Artifact {
		t.Errorf("a second Check found %+v, the first %+v", again.Artifact, good.Artifact)
	}
}
