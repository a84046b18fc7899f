package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
)

// Shared by all answers, as a header's values may be: whoever sets the header
// anew replaces the slice, and it has no room to append to.
var (
	startWarm = []string{string(rouse.TierWarm)}
	startCold = []string{string(rouse.TierCold)}
	startFrom = map[rouse.Tier][]string{
		rouse.TierFrozen: {string(rouse.TierFrozen)},
		rouse.TierZygote: {string(rouse.TierZygote)},
		rouse.TierCell:   {string(rouse.TierCell)},
		rouse.TierCold:   startCold,
	}
)

// SetTimings tells the client whether its request waited for a start or a thaw, of
// which tier, and, in Server-Timing, for which of its phases. began is when the lease was there;
// from then to now is the last phase, first-byte.
func SetTimings(h http.Header, lease *rouse.Lease, began time.Time) {
	if !lease.Cold && lease.Tier != rouse.TierFrozen {
		h["X-Rouse-Start"] = startWarm
		return
	}
	from, known := startFrom[lease.Tier]
	if !known {
		from = startCold
	}
	h["X-Rouse-Start"] = from
	value := make([]byte, 0, 128)
	for _, t := range lease.Timings {
		value = append(appendTiming(value, string(t.Phase), t.Took), ", "...)
	}
	value = appendTiming(value, "first-byte", time.Since(began))
	h["Server-Timing"] = append(h["Server-Timing"], string(value))
}

// appendTiming writes milliseconds, as the header wants them.
func appendTiming(b []byte, name string, took time.Duration) []byte {
	b = append(append(b, name...), ";dur="...)
	return strconv.AppendFloat(b, float64(took)/float64(time.Millisecond), 'f', 3, 64)
}
