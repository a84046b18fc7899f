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
	startCold = []string{"cold"}
	startWarm = []string{"warm"}
)

// SetTimings tells the client what its request waited for: X-Rouse-Start, and
// Server-Timing with the lease's phases and, when positive, the time from the
// lease to the first byte of the answer.
func SetTimings(h http.Header, lease *rouse.Lease, firstByte time.Duration) {
	if lease.Cold {
		h["X-Rouse-Start"] = startCold
	} else {
		h["X-Rouse-Start"] = startWarm
	}
	if len(lease.Timings) == 0 && firstByte <= 0 {
		return
	}
	value := make([]byte, 0, 128)
	for _, t := range lease.Timings {
		value = appendTiming(value, string(t.Phase), t.Took)
	}
	if firstByte > 0 {
		value = appendTiming(value, "first-byte", firstByte)
	}
	h["Server-Timing"] = []string{string(value)}
}

// appendTiming writes milliseconds, as the header wants them.
func appendTiming(b []byte, name string, took time.Duration) []byte {
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(append(b, name...), ";dur="...)
	return strconv.AppendFloat(b, float64(took.Microseconds())/1000, 'f', -1, 64)
}
