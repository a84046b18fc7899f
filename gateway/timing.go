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
	startCold = []string{string(rouse.TierCold)}
	startCell = []string{string(rouse.TierCell)}
	startWarm = []string{string(rouse.TierWarm)}
)

// SetTimings tells the client whether its request waited for a start, of which
// tier, and, in Server-Timing, for which of its phases. began is when the lease was there;
// from then to now is the last phase, first-byte.
func SetTimings(h http.Header, lease *rouse.Lease, began time.Time) {
	if !lease.Cold {
		h["X-Rouse-Start"] = startWarm
		return
	}
	h["X-Rouse-Start"] = startCold
	if lease.Tier == rouse.TierCell {
		h["X-Rouse-Start"] = startCell
	}
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
