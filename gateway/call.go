package gateway

import (
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// Call is one request on its way to a function. Each station fills in its part.
type Call struct {
	Writer  http.ResponseWriter
	Request *http.Request
	ID      string    // request id, a UUID; sent back as X-Request-Id
	Began   time.Time // when the request's head had been read

	// Set by route.
	Ref      rouse.Ref
	Function *rouse.Function
	Revision *rouse.Revision
	Path     string // what the function sees, always with a leading slash, still escaped
	Prefix   string // what was stripped: "/fn/NAME", or empty for a host-addressed call

	// Set for a call by one of AWS Lambda's function URLs, nil for all others.
	URL *URLCall

	// Set by limit: the whole body, where the contract needs it before the
	// function can start (lambda). For http the body stays in Request.
	Body []byte

	// Set where the event is made before the call is held, nil elsewhere.
	Event *rouse.Event

	// Set by hold, which releases it when the call ends; a station that takes it
	// over for longer sets it to nil.
	Lease *rouse.Lease
}

// URLCall is what tells a call by a function URL from others.
type URLCall struct {
	ID     string     // the URL's
	ARN    string     // of what the URL is of, as the function is told
	Stream bool       // the answer may go out as it comes
	Caller *URLCaller // who signed the request; nil where nobody has to
	// Head adds to the answer's header, just before that goes out.
	Head func(http.Header)
}

// URLCaller is who signed a request, in AWS's words.
type URLCaller struct {
	KeyID, Account, ARN, UserID string
}

// Handler takes a call to its end. An error it returns has not been written to
// the client yet; the outermost handler writes it.
type Handler func(*Call) error

// Station wraps the rest of a call's way.
type Station func(next Handler) Handler

// Chain composes stations in reading order around last.
func Chain(last Handler, stations ...Station) Handler {
	for i := len(stations) - 1; i >= 0; i-- {
		last = stations[i](last)
	}
	return last
}
