package rouse_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
)

func TestProvisionedInstancesAreSharedOutWithoutALoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fn := rouse.Function{
			Latest:   "latest",
			Versions: []rouse.Version{{Number: 1, Revision: "one"}, {Number: 2, Revision: "two"}, {Number: 3, Revision: "three"}},
			Aliases: map[rouse.Qualifier]rouse.Alias{
				"plain": {Version: rapid.IntRange(1, 3).Draw(t, "version")},
				"split": {Version: 1, Second: 2, Weight: rapid.Float64Range(0, 1).Draw(t, "weight")},
			},
			Provisioned: map[rouse.Qualifier]rouse.Provisioning{},
		}
		fn.Settings.Provisioned = rapid.IntRange(0, 5).Draw(t, "of $LATEST")
		for _, q := range []rouse.Qualifier{"3", "plain", "split"} {
			fn.Provisioned[q] = rouse.Provisioning{Count: rapid.IntRange(0, 9).Draw(t, string(q))}
		}
		sum := 0
		for _, id := range fn.Revisions() {
			n := fn.ProvisionedFor(id)
			if n < 0 {
				t.Fatalf("%s has %d", id, n)
			}
			sum += n
		}
		if sum != fn.TotalProvisioned() {
			t.Fatalf("revisions have %d, all are %d", sum, fn.TotalProvisioned())
		}
	})
}
