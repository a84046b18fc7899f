package rouse

import (
	"errors"
	"fmt"
	"time"
)

// Code says what went wrong in a word that clients can act on. One table in
// package gateway maps codes to HTTP.
type Code string

// The codes of Rouse's own errors.
const (
	NotFound      Code = "not_found"      // no such function, qualifier or job
	Invalid       Code = "invalid"        // bad name, JSON or setting; the message names the field and what is allowed
	TooLarge      Code = "too_large"      // a body over its limit
	Throttled     Code = "throttled"      // a limit says no, or the queue is full
	StartFailed   Code = "start_failed"   // image missing, init crashed; Detail has the last lines of the log
	FunctionError Code = "function_error" // the function died or broke its contract while answering
	Unavailable   Code = "unavailable"    // draining, or no memory to start
	Timeout       Code = "timeout"        // hold deadline or function timeout
	Conflict      Code = "conflict"       // the object changed since it was read
	Unauthorized  Code = "unauthorized"   // no key, or one that is not believed
	Denied        Code = "denied"         // whoever asks may not do this from where it is
	Internal      Code = "internal"       // a bug; details only in the log
)

// Quota names a bound on what may go on at once.
type Quota string

// The quotas that callers are told apart.
const (
	QuotaReserved  Quota = "reserved"  // the function's own concurrency
	QuotaAccount   Quota = "account"   // what functions without one share
	QuotaInstances Quota = "instances" // the function's own max_instances
	QuotaHost      Quota = "host"      // the host's instances, which all functions share
	QuotaQueue     Quota = "queue"     // what may wait for the function
)

// Error is an error with a code and a message that callers may see.
type Error struct {
	Code    Code
	Message string // public: no paths of the host, no internals
	Detail  string // more that callers may see: the last lines of a failed start's log
	// Type and Trace are set when a handler raised the error: its class and stack.
	Type  string
	Trace []string
	// Payload is the runtime's own description of an init that failed, JSON.
	Payload []byte
	// Exit is set when the reason is that the process ended: how it did.
	Exit *Exit
	// Quota, of a Throttled error, is the one that was used up; of a Timeout, the
	// one that was waited for in vain, "" when that was something else.
	Quota Quota
	// RetryAfter, when positive, says when trying again may help.
	RetryAfter time.Duration
	// Cause is for the log only.
	Cause error
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error whose message is public. A %w verb sets the cause, and
// its text becomes part of the message: wrap only what callers may see.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Cause: errors.Unwrap(err)}
}

// CodeOf is the code of the outermost Error in err's chain, or Internal.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// ErrBroken marks a release after which the instance's process cannot be
// trusted with another request: it timed out, died or broke its contract.
var ErrBroken = errors.New("the instance's process is broken")

// ErrGone is what drivers and endpoints return when the sandbox no longer exists.
var ErrGone = errors.New("the sandbox is gone")
