package adminapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// invoke sends the body to a lambda function as its event and answers with
// what the handler returned, both untouched.
func (a *api) invoke(c *gateway.Call) error {
	if err := a.resolve(c); err != nil {
		return err
	}
	if c.Revision.Spec.Contract != rouse.ContractLambda {
		return rouse.Errorf(rouse.Invalid, "function %s: contract %s takes no events; send HTTP to /fn/%s/", c.Ref, c.Revision.Spec.Contract, c.Ref)
	}
	return a.invocation(c)
}

// submit has the body run later, as a job, and answers when that is on disk.
func (a *api) submit(c *gateway.Call) error {
	if err := a.resolve(c); err != nil {
		return err
	}
	return a.job(c)
}

// resolve finds what the path and the qualifier mean.
func (a *api) resolve(c *gateway.Call) error {
	name, err := functionName(c)
	if err != nil {
		return err
	}
	ref := string(name)
	if q := c.Request.URL.Query().Get("qualifier"); q != "" {
		ref += ":" + q
	}
	if c.Ref, err = rouse.ParseRef(ref); err != nil {
		return err
	}
	c.Path = "/"
	c.Function, c.Revision, err = a.Catalog.Resolve(c.Ref)
	return err
}

// invoke is the end of an invocation's way, behind the stations.
func invoke(c *gateway.Call) error {
	event := c.Body
	if len(event) == 0 {
		event = []byte("{}")
	}
	if !json.Valid(event) {
		return rouse.Errorf(rouse.Invalid, "body: an event must be JSON")
	}
	lease, began := c.Lease, time.Now()
	c.Lease = nil // Invoke takes it over
	result, err := gateway.Invoke(c.Request.Context(), lease, &rouse.Event{ID: c.ID, Payload: event})
	gateway.SetTimings(c.Writer.Header(), lease, began)
	switch {
	case err != nil:
		return err
	case result.Failure != nil:
		return gateway.HandlerFailed(result.Failure)
	}
	return replyRaw(c, http.StatusOK, result.Payload)
}
