package gateway

import (
	"math"

	"github.com/rousehq/rouse"
)

// ThrottleReason is what AWS Lambda calls the bound that a call met: a function's
// own, the one that all share, or more calls than may wait.
func ThrottleReason(q rouse.Quota) string {
	switch q {
	case rouse.QuotaReserved, rouse.QuotaInstances:
		return "ReservedFunctionConcurrentInvocationLimitExceeded"
	case rouse.QuotaQueue:
		return "CallerRateLimitExceeded"
	}
	return "ConcurrentInvocationLimitExceeded"
}

// RetrySeconds is the time after which trying again may help, as the header
// Retry-After has it: in whole seconds, and at least one.
func RetrySeconds(e *rouse.Error) int { return max(int(math.Ceil(e.RetryAfter.Seconds())), 1) }
