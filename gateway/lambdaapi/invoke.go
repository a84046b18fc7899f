package lambdaapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// maxContext is AWS's bound on a client context, encoded.
const maxContext = 3583

// invoke runs a function. It is not read like other operations: its input is a
// path, a few headers and the event, and it is what nearly every request is.
func (a *api) invoke(c *gateway.Call, escaped string) error {
	t, err := a.route(c, "Invoke", escaped)
	if err != nil {
		return err
	}
	h := c.Request.Header
	switch kind := h.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
	case "DryRun":
		c.Writer.WriteHeader(http.StatusNoContent)
		return nil
	case "Event":
		return notBuilt("Invoke with InvocationType Event")
	default:
		return validation([]string{"Value '" + clip(kind) + "' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"})
	}
	if err := checkLogType(h); err != nil {
		return err
	}
	return a.asThrottled(c, t, a.invocation(c))
}

// checkLogType says what is wrong with X-Amz-Log-Type.
func checkLogType(h http.Header) error {
	if kind := h.Get("X-Amz-Log-Type"); kind != "" && kind != "None" && kind != "Tail" {
		return validation([]string{"Value '" + clip(kind) + "' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"})
	}
	return nil
}

// route finds the function and the revision that a call is for.
func (a *api) route(c *gateway.Call, operation, escaped string) (target, error) {
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return target{}, unmatched(operation, escaped)
	}
	qualifier := ""
	if c.Request.URL.RawQuery != "" {
		qualifier = c.Request.URL.Query().Get("Qualifier")
	}
	t, err := a.target(operation, name, qualifier)
	if err != nil {
		return t, err
	}
	if shape := shapes["NumericLatestPublishedOrAliasQualifier"]; t.qualifier != "" && !word(string(t.qualifier)) {
		return t, validation([]string{"Value '" + clip(string(t.qualifier)) + "' at 'qualifier' failed to satisfy constraint: " + shape.like()})
	}
	if c.Function, err = a.Catalog.Function(t.name); err != nil {
		return t, a.notFound(t)
	}
	number, ok := c.Function.Number(t.qualifier, a.pickFor(c.Function))
	if !ok {
		return t, a.notFound(t)
	}
	id := c.Function.Latest
	if number != 0 {
		v := c.Function.Version(number)
		if v == nil {
			return t, a.notFound(t)
		}
		id = v.Revision
	}
	if c.Revision, err = a.Catalog.Revision(id); err != nil {
		return t, err
	}
	if c.Revision.Spec.Contract != rouse.ContractLambda {
		return t, invalid("The function %s speaks HTTP and takes no events; send it a request at /fn/%s/", t.name, t.name)
	}
	c.Ref = rouse.Ref{Name: t.name, Qualifier: t.qualifier}
	if c.Ref.Qualifier == "" {
		c.Ref.Qualifier = rouse.Latest
	}
	c.Path = "/"
	c.Writer.Header()["X-Amz-Executed-Version"] = executed(number)
	return t, nil
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

// word says whether s may be a qualifier.
func word(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '$' {
			return false
		}
	}
	return len(s) <= 128
}

// asThrottled gives what the stations say of an invocation AWS's words.
func (a *api) asThrottled(c *gateway.Call, t target, err error) error {
	if err == nil {
		return nil
	}
	delete(c.Writer.Header(), "X-Amz-Executed-Version")
	switch rouse.CodeOf(err) {
	case rouse.Throttled:
		e := err.(*rouse.Error)
		reason := ""
		if c.Function.Settings.Reserved != nil {
			reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
		}
		return throttled(e, reason)
	case rouse.TooLarge:
		return tooLarge("RequestTooLargeException", "%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)",
			max(c.Request.ContentLength, int64(len(c.Body))), a.MaxEvent)
	case rouse.Timeout: // no instance within the hold
		return throttled(&rouse.Error{RetryAfter: time.Second}, "")
	case rouse.StartFailed:
		delete(c.Writer.Header(), "Content-Length")
		c.Writer.Header()["X-Amz-Executed-Version"] = latestVersion
		if t.qualifier != "" && t.qualifier != rouse.Latest {
			delete(c.Writer.Header(), "X-Amz-Executed-Version")
		}
		a.answerFailure(c, failureBody(c.ID, err.(*rouse.Error)), nil)
		return nil
	}
	return err
}

// invokeEnd is the end of an invocation's way, behind the stations.
func (a *api) invokeEnd(c *gateway.Call) error {
	ev, err := newEvent(a, c)
	if err != nil {
		return err
	}
	var report rouse.Report
	tail := c.Request.Header.Get("X-Amz-Log-Type") == "Tail"
	if tail {
		ev.Report = &report
	}
	lease, began := c.Lease, time.Now()
	c.Lease = nil // Invoke takes it over
	result, err := gateway.Invoke(c.Request.Context(), lease, ev)
	h := c.Writer.Header()
	if tail {
		h["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString(report.Log)}
	}
	if lease.Cold {
		gateway.SetTimings(h, lease, began)
	}
	switch e := asFailure(err); {
	case e != nil:
		a.answerFailure(c, failureBody(c.ID, e), result)
		return nil
	case err != nil:
		return err
	case result.Failure != nil:
		a.answerFailure(c, result.Payload, result)
		return nil
	}
	payload := result.Payload
	if len(payload) == 0 {
		payload = null
	}
	writeJSON(c.Writer, http.StatusOK, payload)
	return nil
}
