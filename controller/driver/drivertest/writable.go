package drivertest

import (
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// Writable checks a suite whose spec is writable and whose function is root: it
// writes where it likes, up to the size of /tmp, and for itself alone.
func Writable(t *testing.T, s Suite) {
	t.Helper()
	b := open(t, s, NewWorld(t))
	x := b.start(b.spec(rouse.ContractHTTP))
	for _, file := range []string{"/new", "/etc/new", "/fn.copy", "/etc/passwd"} {
		x.must(order{Do: "write", Text: file, N: 5}, nil)
	}
	if err := x.endpoint.Process.Restart(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, "ready")
	var size int
	if x.must(order{Do: "size", Text: "/etc/passwd"}, &size); size != 5 {
		t.Errorf("after a restart a file has %d bytes, want 5", size)
	}
	y := b.start(b.spec(rouse.ContractHTTP))
	if err := y.ask(order{Do: "size", Text: "/new"}, nil); err == nil {
		t.Error("another instance sees what this one wrote")
	}
	if y.must(order{Do: "size", Text: "/etc/passwd"}, &size); size == 5 {
		t.Error("another instance sees what this one changed")
	}
	x.stop()

	limit := int(y.rev.Spec.Tmp)
	if err := y.ask(order{Do: "write", Text: "/big", N: 2 * limit}, nil); err == nil {
		t.Error("a file larger than all that may be written was written")
	}
	y.must(order{Do: "write", Text: "/big", N: limit / 2}, nil)
	y.must(order{Do: "write", Text: "/bigger", N: limit * 3 / 4}, nil)
	if exit := y.exit(); !strings.Contains(exit.String(), "written outside of /tmp") {
		t.Errorf("a function that wrote too much ended with %q", exit)
	}
	if err := y.sandbox.Wait(b.ctx); err != nil {
		t.Errorf("its sandbox goes on: %v", err)
	}
	y.stop()
	b.close()
}
