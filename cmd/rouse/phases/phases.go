// Package phases sums up where the time of calls went: what rouse bench prints.
package phases

import (
	"slices"
	"time"

	"github.com/rousehq/rouse"
)

// The rows that are not phases of a start.
const (
	// Elsewhere is what no phase accounts for: client, connection, gateway.
	Elsewhere rouse.Phase = "elsewhere"
	Total     rouse.Phase = "total"
)

// Call is one measured call.
type Call struct {
	Took   time.Duration
	From   rouse.Tier // what it met
	Phases []rouse.Timing
}

// Summary is what calls came to.
type Summary struct {
	From rouse.Tier         `json:"from"` // as it was wished
	Met  map[rouse.Tier]int `json:"met"`  // as it was
	// Rows are of the calls that met From, in the order of a start; the last two are
	// Elsewhere and Total.
	Rows []Row `json:"rows"`
}

// Row is one phase, in milliseconds.
type Row struct {
	Phase  rouse.Phase `json:"phase"`
	Median float64     `json:"median_ms"`
	P90    float64     `json:"p90_ms"`
	P99    float64     `json:"p99_ms"`
}

// Sum sums up calls that were to begin with from.
func Sum(from rouse.Tier, calls []Call) Summary {
	s := Summary{From: from, Met: make(map[rouse.Tier]int), Rows: []Row{}}
	took := make(map[rouse.Phase][]time.Duration)
	var order []rouse.Phase
	note := func(p rouse.Phase, d time.Duration) {
		if took[p] == nil {
			order = append(order, p)
		}
		took[p] = append(took[p], d)
	}
	matching := calls[:0:0]
	for _, c := range calls {
		s.Met[c.From]++
		if c.From == from {
			matching = append(matching, c)
		}
	}
	for _, c := range matching {
		for _, t := range c.Phases {
			note(t.Phase, t.Took)
		}
	}
	for _, c := range matching {
		rest := c.Took
		for _, t := range c.Phases {
			rest -= t.Took
		}
		if len(c.Phases) > 0 {
			note(Elsewhere, max(rest, 0))
		}
	}
	for _, c := range matching {
		note(Total, c.Took)
	}
	for _, p := range order {
		s.Rows = append(s.Rows, row(p, took[p]))
	}
	return s
}

func row(p rouse.Phase, took []time.Duration) Row {
	slices.Sort(took)
	n := len(took)
	median := took[n/2]
	if n%2 == 0 {
		median = (took[n/2-1] + took[n/2]) / 2
	}
	return Row{Phase: p, Median: ms(median), P90: ms(below(took, 90)), P99: ms(below(took, 99))}
}

// below is what all but 100-percent of sorted do not exceed.
func below(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// ms is a time to the microsecond: beyond that nothing was measured.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
