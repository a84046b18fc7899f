package drivertest

import (
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// left lists what the host process before this one left, which must be one sandbox.
func (b *bench) left(id rouse.SandboxID) driver.Sandbox {
	b.t.Helper()
	list, err := b.host.Driver.List(b.ctx)
	if err != nil {
		b.t.Fatalf("List: %v", err)
	}
	if len(list) != 1 || list[0].ID() != id {
		b.t.Fatalf("List found %d sandboxes, want %s only: %v", len(list), id, list)
	}
	return list[0]
}

func (b *bench) adopt(x *box) *box {
	b.t.Helper()
	sandbox := b.left(x.sandbox.ID())
	rev, endpoint, err := sandbox.(driver.Adopter).Adopt(b.ctx)
	if err != nil {
		b.t.Fatalf("Adopt: %v", err)
	}
	if rev != x.rev.ID {
		b.t.Fatalf("adopted revision %s, want %s", rev, x.rev.ID)
	}
	return b.box(x.rev, sandbox, endpoint)
}

func adopted(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	var before, after int
	x.must(order{Do: "pid"}, &before)
	file := x.tmp() + "/kept"
	x.must(order{Do: "write", Text: file, N: 9}, nil)
	b.reopen()
	x.drop()
	x = b.adopt(x)
	x.must(order{Do: "pid"}, &after)
	if before != after {
		t.Errorf("the process is %d, was %d", after, before)
	}
	x.must(order{Do: "say", Text: "still here"}, nil)
	x.stdout.await(t, "still here")
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, "ready")
	var size int
	if x.must(order{Do: "size", Text: file}, &size); size != 9 {
		t.Errorf("a file in /tmp has %d bytes, want 9", size)
	}
	_ = x.ask(order{Do: "eat", N: 400}, nil)
	if exit := x.exit(); !exit.OOM {
		t.Errorf("out of memory after adoption is %+v", exit)
	}
	x.stop()
}

func leftStopped(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	x.must(order{Do: "sleepers", Text: string(x.sandbox.ID()), N: 3}, nil)
	b.reopen()
	x.drop()
	sandbox := b.left(x.sandbox.ID())
	for range 2 {
		if err := sandbox.Stop(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := sandbox.Wait(b.ctx); err != nil {
		t.Fatal(err)
	}
}

func leftDied(t *testing.T, b *bench) {
	x := b.start(b.spec(rouse.ContractHTTP))
	x.must(order{Do: "sleepers", Text: string(x.sandbox.ID()), N: 3}, nil)
	b.host.Crash()
	x.drop()
	b.suite.Destroy(t, x.sandbox.ID())
	b.host = b.suite.Open(t, b.world)
	list, err := b.host.Driver.List(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, sandbox := range list { // a container may still be there, ended
		if _, _, err := sandbox.(driver.Adopter).Adopt(b.ctx); err == nil {
			t.Error("a dead sandbox was adopted")
		}
		if err := sandbox.Stop(b.ctx); err != nil {
			t.Error(err)
		}
	}
}
