package phases

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func cell(took, mount, init time.Duration) Call {
	return Call{From: rouse.TierCell, Took: took, Phases: []rouse.Timing{{Phase: rouse.PhaseMount, Took: mount}, {Phase: rouse.PhaseInit, Took: init}}}
}

func TestPhasesAddUpToTheTotal(t *testing.T) {
	const ms = time.Millisecond
	got := Sum(rouse.TierCell, []Call{
		cell(10*ms, 2*ms, 5*ms),
		{From: rouse.TierCold, Took: time.Second},
		cell(20*ms, 1*ms, 15*ms),
	})
	if want := map[rouse.Tier]int{"cell": 2, "cold": 1}; !maps.Equal(got.Met, want) {
		t.Errorf("met %v, want %v", got.Met, want)
	}
	want := []Row{
		{"mount", 1.5, 2, 2},
		{"init", 10, 15, 15},
		{Elsewhere, 3.5, 4, 4},
		{Total, 15, 20, 20},
	}
	if !slices.Equal(got.Rows, want) {
		t.Errorf("rows %v, want %v", got.Rows, want)
	}
}

func TestPercentilesAreThoseOfTheCalls(t *testing.T) {
	var calls []Call
	for n := 100; n >= 1; n-- { // in no order
		calls = append(calls, Call{From: rouse.TierWarm, Took: time.Duration(n) * time.Millisecond})
	}
	if got, want := Sum(rouse.TierWarm, calls).Rows, []Row{{Total, 50.5, 90, 99}}; !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

func TestNothingMetIsNoRow(t *testing.T) {
	if got := Sum(rouse.TierCell, []Call{{From: rouse.TierCold, Took: time.Second}}); len(got.Rows) != 0 || got.Met["cold"] != 1 {
		t.Errorf("%+v", got)
	}
}
