package lambda

// phase is where the process stands in the Runtime API's protocol. The names
// are those of AWS's own error messages.
type phase string

const (
	started       phase = "Started" // until the first poll: init
	initError     phase = "InitError"
	restoring     phase = "Restoring" // asked to be restored from a snapshot, which is answered at once
	restoreError  phase = "RestoreError"
	ready         phase = "Ready"   // a poll is parked, or was cut before an event came
	running       phase = "Running" // has an event
	responding    phase = "InvocationResponse"
	respondingErr phase = "InvocationErrorResponse"
	responseSent  phase = "ResponseSent" // answered, and has not polled again
)

// allowed says whether the process may go from one phase to another of its own
// accord.
func allowed(from, to phase) bool {
	switch to {
	case ready:
		return from == started || from == restoring || from == ready || from == responseSent
	case responding, respondingErr:
		return from == running
	case initError, restoring:
		return from == started
	case restoreError:
		return from == restoring
	}
	return false
}
