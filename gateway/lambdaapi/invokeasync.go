package lambdaapi

import (
	"errors"
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// maxLater is AWS's bound on an event that is not waited for ("Lambda quotas":
// 1 MB for asynchronous invocations).
const maxLater = 1 << 20

// invokeAsync is the older way to hand in an event.
func (a *api) invokeAsync(c *gateway.Call, name string) error {
	if err := a.resolve(c, "InvokeAsync", name); err != nil {
		return err
	}
	return a.later(c)
}

// later keeps an event to be handled without its caller. It is never refused
// for concurrency: that is the queue's to wait for.
func (a *api) later(c *gateway.Call) error {
	delete(c.Writer.Header(), "X-Amz-Executed-Version")
	if size := max(c.Request.ContentLength, int64(len(c.Body))); size > maxLater {
		c.Writer.Header().Set("Connection", "close")
		return tooMuchForLater(size)
	}
	err := a.keeping(c)
	var e *rouse.Error
	if errors.As(err, &e) && e.Code == rouse.TooLarge {
		return tooMuchForLater(max(c.Request.ContentLength, int64(len(c.Body))))
	}
	return err
}

func tooMuchForLater(size int64) error {
	return tooLarge("RequestTooLargeException", "%d byte payload is too large for the Event invocation type (limit %d bytes)", size, maxLater)
}

// keepEnd answers when the event is on disk. The id of the request is the one
// that the function is going to see.
func (a *api) keepEnd(c *gateway.Call) error {
	if len(c.Body) > maxLater {
		return tooMuchForLater(int64(len(c.Body)))
	}
	ev, err := a.event(c)
	if err != nil {
		return err
	}
	j, _, err := a.Later.Submit(c.Request.Context(), rouse.JobRequest{
		Ref: c.Ref, Payload: ev.Payload, ARN: ev.ARN, TraceID: ev.TraceID, ClientContext: ev.ClientContext, Source: "lambda",
	})
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h["X-Amzn-Requestid"] = []string{j.ID}
	h["Content-Length"] = []string{"0"}
	c.Writer.WriteHeader(http.StatusAccepted)
	return nil
}
