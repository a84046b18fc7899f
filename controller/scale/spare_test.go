package scale

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDemandFades(t *testing.T) {
	if got := Faded(8, 10*time.Minute); got != 2 {
		t.Errorf("8 is %g after ten minutes, want 2", got)
	}
	if got := Faded(8, -time.Second); got != 8 {
		t.Errorf("a clock that went back made 8 into %g", got)
	}
}

func TestSpareSandboxesFollowDemand(t *testing.T) {
	for _, c := range []struct {
		places int
		demand []float64
		want   []int
	}{
		{2, []float64{1, 0}, []int{2, 0}},
		{2, []float64{100, 1}, []int{1, 1}},
		{1, []float64{1, 3}, []int{0, 1}},
		{8, []float64{6, 2}, []int{6, 2}},
		{8, []float64{6, 0.01}, []int{8, 0}},
		{0, []float64{6, 2}, []int{0, 0}},
		{3, nil, []int{}},
		{3, []float64{0, 0}, []int{0, 0}},
	} {
		if got := Spread(c.places, c.demand); !slices.Equal(got, c.want) {
			t.Errorf("%d places for %v: %v, want %v", c.places, c.demand, got, c.want)
		}
	}
}

func TestSpreadGivesEveryPlaceAndNoneTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.IntRange(0, 50).Draw(t, "places")
		demand := rapid.SliceOfN(rapid.Float64Range(0, 1e9), 0, 10).Draw(t, "demand")
		spread := Spread(places, demand)
		sum, asked := 0, 0
		for i, d := range demand {
			sum += spread[i]
			if d >= least {
				asked++
			} else if spread[i] > 0 {
				t.Fatalf("%d for a demand of %g", spread[i], d)
			}
			for j, e := range demand {
				if d > e && spread[i] < spread[j] {
					t.Fatalf("%v: more for less demand: %v", demand, spread)
				}
			}
		}
		if want := places; asked > 0 && sum != want {
			t.Fatalf("%d of %d places given", sum, want)
		}
		for i, d := range demand {
			if d >= least && places >= asked && spread[i] == 0 {
				t.Fatalf("nothing for a demand of %g: %v", d, spread)
			}
		}
	})
}
