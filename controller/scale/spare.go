package scale

import (
	"math"
	"time"
)

// halfLife is how long a demand takes to count half.
const halfLife = 5 * time.Minute

// least is the demand below which nobody can be said to ask.
const least = 0.05

// Faded is what a demand counts after a time in which nobody asked.
func Faded(demand float64, since time.Duration) float64 {
	return demand * math.Exp2(-max(since, 0).Seconds()/halfLife.Seconds())
}

// Asked says whether a demand counts at all.
func Asked(demand float64) bool { return demand >= least }

// Spread divides places for spare sandboxes among kinds of them by the demand
// for each. A kind that is asked for gets one at least, those in most demand
// first; a kind that is not asked for any more gets none.
func Spread(places int, demand []float64) []int {
	spread := make([]int, len(demand))
	for ; places > 0; places-- {
		best, most := -1, 0.0
		for i, d := range demand {
			if !Asked(d) {
				continue
			}
			// The method of highest averages, in which nobody's first place waits
			// for somebody's second.
			claim := d / float64(spread[i])
			if spread[i] == 0 {
				claim = math.MaxFloat64 / 2 * (1 + d/(1+d))
			}
			if claim > most {
				best, most = i, claim
			}
		}
		if best < 0 {
			break
		}
		spread[best]++
	}
	return spread
}
