package drivertest

import (
	"testing"

	"github.com/rousehq/rouse"
)

// Look is what a function can see of a sandbox of s, by name.
func Look(t *testing.T, s Suite) (seen map[string]string) {
	t.Helper()
	inside(t, s, order{Do: "look"}, &seen)
	return seen
}

// Status is what the kernel says of a function's process in a sandbox of s.
func Status(t *testing.T, s Suite) (status string) {
	t.Helper()
	inside(t, s, order{Do: "status"}, &status)
	return status
}

// LastWord has a function of s end, which has to print word then.
func LastWord(t *testing.T, s Suite, word string) {
	t.Helper()
	b := open(t, s, NewWorld(t))
	x := b.start(b.spec(rouse.ContractHTTP))
	if err := x.sandbox.Stop(b.ctx); err != nil {
		t.Fatal(err)
	}
	x.stdout.await(t, word)
	x.drop()
	b.close()
}

// Attack has a function try what would lead out of a sandbox of s. Every
// attempt has to fail, except those of allowed, and the sandbox has to go on.
func Attack(t *testing.T, s Suite, allowed ...string) {
	t.Helper()
	var tried map[string]string
	inside(t, s, order{Do: "attack"}, &tried)
	for _, name := range allowed {
		delete(tried, name)
	}
	if len(tried) < 20 {
		t.Errorf("only %d attempts: %v", len(tried), tried)
	}
	for name, outcome := range tried {
		if outcome == "possible" {
			t.Errorf("%s: a function could do that", name)
		}
	}
}

// inside has a function of s do something.
func inside(t *testing.T, s Suite, o order, answer any) {
	t.Helper()
	b := open(t, s, NewWorld(t))
	x := b.start(b.spec(rouse.ContractHTTP))
	x.must(o, answer)
	x.must(order{Do: "pid"}, nil)
	x.stop()
	b.close()
}
