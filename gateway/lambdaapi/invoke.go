package lambdaapi

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/internal/rawjson"
)

// maxContext is AWS's bound on a client context, encoded.
const maxContext = 3583

// invoke runs a function. It is not read like other operations: its input is a
// path, a few headers and the event, and it is what nearly every request is.
func (a *api) invoke(c *gateway.Call, escaped string) error {
	if err := a.resolve(c, "Invoke", escaped); err != nil {
		return err
	}
	switch c.Request.Header.Get("X-Amz-Invocation-Type") {
	case "DryRun":
		delete(c.Writer.Header(), "X-Amz-Executed-Version")
		c.Writer.WriteHeader(http.StatusNoContent)
		return nil
	case "Event":
		return a.later(c)
	}
	return a.settle(c, a.invocation(c), answerFailure)
}

// resolve finds the function and the revision that a call is for.
func (a *api) resolve(c *gateway.Call, operation, escaped string) error {
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return unmatched(operation, escaped)
	}
	var given []string
	if c.Request.URL.RawQuery != "" {
		given = c.Request.URL.Query()["Qualifier"]
	}
	if err := checkInvocation(operation, name, given, c.Request.Header); err != nil {
		return err
	}
	qualifier := ""
	if len(given) > 0 {
		qualifier = given[0]
	}
	t, err := a.target(operation, name, qualifier)
	if err != nil {
		return err
	}
	if c.Function, err = a.Catalog.Function(t.name); err != nil {
		return a.notFound(t)
	}
	number, ok := c.Function.Number(t.qualifier, a.pickFor(c.Function))
	if !ok {
		return a.notFound(t)
	}
	id := c.Function.Latest
	if number != 0 {
		v := c.Function.Version(number)
		if v == nil {
			return a.notFound(t)
		}
		id = v.Revision
	}
	if c.Revision, err = a.Catalog.Revision(id); err != nil {
		return err
	}
	if err := runnable(c.Revision); err != nil {
		return err
	}
	if c.Revision.Spec.Contract != rouse.ContractLambda {
		return invalid("The function %s speaks HTTP and takes no events; send it a request at /fn/%s/", t.name, t.name)
	}
	c.Ref, c.Path = rouse.Ref{Name: t.name, Qualifier: t.qualifier}, "/"
	c.Writer.Header()["X-Amz-Executed-Version"] = executed(number)
	return nil
}

// latestVersion is shared by nearly all answers.
var latestVersion = []string{string(rouse.Latest)}

func executed(number int) []string {
	if number == 0 {
		return latestVersion
	}
	return []string{strconv.Itoa(number)}
}

// pickFor spares functions without aliases the random number.
func (a *api) pickFor(fn *rouse.Function) float64 {
	if len(fn.Aliases) == 0 {
		return 0
	}
	return a.pick()
}

// settle answers with what the stations and the function made of an invocation,
// unless it has been answered. failed writes an error of the function's making.
func (a *api) settle(c *gateway.Call, err error, failed func(*gateway.Call, []byte)) error {
	var e *rouse.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	body, answered := FailureBody(c.ID, e), gateway.Sent(c.Writer) != 0
	switch {
	case body != nil && !answered:
		if c.Request.Header.Get("X-Amz-Log-Type") == "Tail" { // of a start that failed
			c.Writer.Header()["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString([]byte(lastOf(e.Detail)))}
		}
		failed(c, body)
		return nil
	case body != nil:
		return nil
	case answered:
		return err
	}
	switch e.Code {
	case rouse.Timeout: // while the call was held
		if e.Quota == "" {
			return unavailable(e) // for another reason than that all were busy
		}
		return throttled(e)
	case rouse.TooLarge:
		size := max(c.Request.ContentLength, int64(len(c.Body)))
		return tooLarge("RequestTooLargeException", "%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)", size, a.MaxEvent)
	}
	return err
}

// lastOf is as much of a log's end as AWS tells.
func lastOf(log string) string {
	const most = 4 << 10
	if len(log) > most {
		return log[len(log)-most:]
	}
	return log
}

// invokeEnd is the end of an invocation's way, behind the stations. An error of
// the function's is answered and returned too, for those who count.
func (a *api) invokeEnd(c *gateway.Call) error {
	ev := c.Event
	if c.Request.Header.Get("X-Amz-Log-Type") == "Tail" {
		ev.Report = new(rouse.Report)
	}
	lease, began := c.Lease, time.Now()
	c.Lease = nil // Invoke takes it over
	result, err := gateway.Invoke(c.Request.Context(), lease, ev)
	h := c.Writer.Header()
	if ev.Report != nil {
		h["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString(ev.Report.Log)}
	}
	if lease.Cold {
		gateway.SetTimings(h, lease, began)
	}
	if err != nil {
		var e *rouse.Error
		if errors.As(err, &e) {
			if body := FailureBody(c.ID, e); body != nil {
				answerFailure(c, body)
			}
		}
		return err
	}
	if result.Failure != nil {
		answerFailure(c, result.Payload)
		return gateway.HandlerFailed(result.Failure)
	}
	payload := result.Payload
	if len(payload) == 0 {
		payload = null
	}
	writeJSON(c.Writer, http.StatusOK, payload)
	return nil
}

// null is the answer of a function that returns nothing.
var null = []byte("null")

var unhandled = []string{"Unhandled"}

// answerFailure answers with a function's error, which AWS calls a success.
func answerFailure(c *gateway.Call, body []byte) {
	c.Writer.Header()["X-Amz-Function-Error"] = unhandled
	writeJSON(c.Writer, http.StatusOK, body)
}

// FailureBody is AWS's description of an error of the function's making: a
// timeout, a process that ended, an init that failed. It is nil for errors of
// another making.
func FailureBody(id string, e *rouse.Error) []byte {
	if len(e.Payload) > 0 {
		return e.Payload
	}
	if e.Type == "" && e.Exit == nil {
		return nil
	}
	body := struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{e.Type, e.Message}
	switch {
	case e.Exit == nil:
	case e.Exit.Error != "":
		body.Type, body.Message = "Runtime.InvalidEntrypoint", entrypoint(e.Exit.Error)
	case e.Exit.OOM: // of which AWS tells no more than what became of the process
		body.Type, body.Message = "Runtime.ExitError", "Runtime exited with error: signal: killed"
	}
	if !strings.HasPrefix(body.Message, "RequestId: ") {
		body.Message = "RequestId: " + id + " Error: " + body.Message
	}
	b, err := compact(body)
	if err != nil {
		panic("lambdaapi: an error that cannot be encoded: " + err.Error())
	}
	return b
}

// understand is the station that makes the event of a call.
func (a *api) understand(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) (err error) {
		if c.Event, err = a.event(c); err != nil {
			return err
		}
		return next(c)
	}
}

// event is what a call asks the function to handle.
func (a *api) event(c *gateway.Call) (*rouse.Event, error) {
	payload := c.Body
	switch {
	case len(payload) == 0:
		payload = emptyEvent
	case !rawjson.Valid(payload) || !utf8.Valid(payload):
		return nil, unparsable("Could not parse payload into json: " + jsonProblem(payload))
	}
	h := c.Request.Header
	ev := &rouse.Event{ID: c.ID, Payload: payload, ARN: a.Place.ARN(c.Ref.Name, c.Ref.Qualifier), TraceID: h.Get("X-Amzn-Trace-Id")}
	if ev.TraceID != "" {
		var err error
		if ev.TraceID, err = lineage(c.Function, ev.TraceID); err != nil {
			return nil, err
		}
	}
	if encoded := h.Get("X-Amz-Client-Context"); encoded != "" {
		if len(encoded) > maxContext {
			return nil, invalid("Client context must be no more than %d bytes when base64-encoded.", maxContext)
		}
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !rawjson.Valid(text) {
			return nil, user(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
		}
		ev.ClientContext = text
	}
	return ev, nil
}

// emptyEvent is what a function is given when its caller gives nothing.
var emptyEvent = []byte("{}")
