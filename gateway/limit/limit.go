// Package limit is the station that bounds request bodies: in bytes, before
// they are read whole, and in time. The lambda contract needs the whole body
// before the function can begin, so it is read here, before an instance is
// taken: a slow client holds no instance.
package limit

import (
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Limits bounds bodies. The zero value of a field is its default.
type Limits struct {
	// Event is the most that a lambda event may measure, encoded; 6 MB as on
	// AWS. A body that is over it before it is encoded is refused here.
	Event rouse.Bytes
	// Body is the most that a request of the http contract may carry; 100 MB.
	Body rouse.Bytes
	// Slow is how long the client may take to send an event's body; 30 s.
	Slow time.Duration
}

// The defaults.
const (
	DefaultEvent = 6 * rouse.MB
	DefaultBody  = 100 * rouse.MB
	DefaultSlow  = 30 * time.Second
)

// Station enforces the limits. A body that is too long is a TooLarge error,
// one that does not arrive an Invalid one.
func Station(l Limits) gateway.Station {
	if l.Event <= 0 {
		l.Event = DefaultEvent
	}
	if l.Body <= 0 {
		l.Body = DefaultBody
	}
	if l.Slow <= 0 {
		l.Slow = DefaultSlow
	}
	return func(next gateway.Handler) gateway.Handler {
		return func(c *gateway.Call) error {
			if c.Revision.Spec.Contract == rouse.ContractLambda {
				return l.event(c, next)
			}
			return l.stream(c, next)
		}
	}
}

// event reads the whole body into the call.
func (l Limits) event(c *gateway.Call, next gateway.Handler) error {
	var err error
	if c.Body, err = gateway.ReadBody(c, l.Event, l.Slow); err != nil {
		return err
	}
	return next(c)
}

// stream leaves the body where it is and counts it while it passes.
func (l Limits) stream(c *gateway.Call, next gateway.Handler) error {
	length := c.Request.ContentLength
	if length > int64(l.Body) {
		return gateway.TooLarge(l.Body)
	}
	if length >= 0 {
		return next(c) // the server itself ends the body where it said
	}
	body := &counted{ReadCloser: c.Request.Body, limit: l.Body, left: int64(l.Body)}
	c.Request.Body = body
	err := next(c)
	if err != nil && body.over.Load() {
		return gateway.TooLarge(l.Body)
	}
	return err
}
