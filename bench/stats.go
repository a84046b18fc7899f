package main

import (
	"fmt"
	"slices"
	"time"
)

// samples are what was measured, by side.
type samples map[string][]float64

// median is the middle of a side's samples.
func (s samples) median(side string) float64 {
	values := slices.Sorted(slices.Values(s[side]))
	if len(values) == 0 {
		panic("bench: nothing was measured for " + side)
	}
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

// p99 is what all but one in a hundred of a side's values do not exceed.
func (s samples) p99(side string) float64 {
	values := slices.Sorted(slices.Values(s[side]))
	return values[(len(values)*99+99)/100-1]
}

// medians are all sides' middles, rounded to what a reader can use.
func (s samples) medians(unit string) map[string]float64 {
	m := make(map[string]float64, len(s))
	for side := range s {
		var rounded float64
		fmt.Sscan(fmt.Sprintf("%.4g", s.median(side)), &rounded)
		m[side+" "+unit] = rounded
	}
	return m
}

// alternate measures the sides in turn, so that whatever else the machine does
// meets all of them.
func alternate(rounds int, sides []string, measure func(side string) (float64, error)) (samples, error) {
	s := make(samples)
	for round := range rounds {
		for i := range sides {
			// The first one of a round is another one each time.
			side := sides[(i+round)%len(sides)]
			value, err := measure(side)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", side, err)
			}
			s[side] = append(s[side], value)
		}
	}
	return s, nil
}

// milliseconds is the unit of all times here.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
