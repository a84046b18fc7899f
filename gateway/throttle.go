package gateway

import "github.com/rousehq/rouse"

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
