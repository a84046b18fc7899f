package jobs

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Reader finds jobs. Errors are NotFound, and Throttled when too many wait.
type Reader interface {
	Job(ctx context.Context, id string) (*rouse.Job, error)
	// Next blocks until something has become of a job since it looked like last.
	// open is false when ctx ended first.
	Next(ctx context.Context, last *rouse.Job) (j *rouse.Job, open bool, err error)
	// Payload is what the function answered; nil when nothing was kept.
	Payload(ctx context.Context, j *rouse.Job) ([]byte, error)
	// List finds jobs a page at a time, without their payloads; the page is the
	// last when next is empty.
	List(ctx context.Context, f rouse.JobFilter) (jobs []*rouse.Job, next string, err error)
}

// Changer changes jobs. Its methods block until the change is on disk.
type Changer interface {
	// Cancel ends a job, and stops its function when that runs; a job that has
	// ended stays as it is.
	Cancel(ctx context.Context, id string) (*rouse.Job, error)
	// Redrive has a job that failed or expired run anew; any other is a Conflict.
	Redrive(ctx context.Context, id string) (*rouse.Job, error)
	// RedriveAll is Redrive for all of a function's, up to most.
	RedriveAll(ctx context.Context, fn rouse.FunctionName, most int) (n int, err error)
}

// Pauser stops and goes on with functions' jobs.
type Pauser interface {
	Pause(ctx context.Context, fn rouse.FunctionName) error
	Resume(ctx context.Context, fn rouse.FunctionName) error
}

// API answers for jobs. A job's id and a function's name are path values, "id"
// and "name"; the function exists.
type API struct {
	Reader  Reader
	Changer Changer
	Pauser  Pauser
	Secret  func(rouse.FunctionName) string // what webhooks are signed with
	// Stopping ends what waits.
	Stopping context.Context
	// Alive is how often a stream without news says that it goes on; 0 is 15 s.
	Alive time.Duration
}

// Handler answers everything below /jobs/.
func (a *API) Handler(c *gateway.Call) error {
	id, rest, _ := strings.Cut(strings.TrimPrefix(c.Request.URL.Path, "/jobs/"), "/")
	c.Request.SetPathValue("id", id)
	reading := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	allowed := "GET, HEAD"
	switch {
	case rest == "" && reading:
		return a.Get(c)
	case rest == "" && c.Request.Method == http.MethodDelete:
		return a.Cancel(c)
	case rest == "result" && reading:
		return a.Result(c)
	case rest == "":
		allowed += ", DELETE"
	case rest != "result":
		return rouse.Errorf(rouse.NotFound, "path: there is /jobs/ID and /jobs/ID/result")
	}
	c.Writer.Header().Set("Allow", allowed)
	gateway.WriteErrorStatus(c.Writer, http.StatusMethodNotAllowed, c.ID,
		rouse.Errorf(rouse.Invalid, "method %s: this path allows %s", c.Request.Method, allowed))
	return nil
}

// view is a job with its answer.
func (a *API) view(c *gateway.Call, j *rouse.Job) (*rouse.JobView, error) {
	return rouse.ViewJob(j, base(c.Request), func() ([]byte, error) { return a.Reader.Payload(c.Request.Context(), j) })
}

func (a *API) answer(c *gateway.Call, j *rouse.Job) error {
	view, err := a.view(c, j)
	if err != nil {
		return err
	}
	if !j.State.Done() {
		c.Writer.Header().Set("Retry-After", "1")
	}
	return reply(c, http.StatusOK, view)
}

// Cancel ends a job and answers when that has happened. One that has ended
// before stays as it is.
func (a *API) Cancel(c *gateway.Call) error {
	j, err := a.Changer.Cancel(c.Request.Context(), c.Request.PathValue("id"))
	if err != nil {
		return err
	}
	return a.answer(c, j)
}

// Redrive has one dead letter run anew.
func (a *API) Redrive(c *gateway.Call) error {
	j, err := a.Changer.Redrive(c.Request.Context(), c.Request.PathValue("id"))
	if err != nil {
		return err
	}
	return a.answer(c, j)
}

// mostRedriven bounds one call.
const mostRedriven = 100_000

// RedriveAll has all dead letters of a function run anew.
func (a *API) RedriveAll(c *gateway.Call) error {
	n, err := a.Changer.RedriveAll(c.Request.Context(), function(c), mostRedriven)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]int{"redriven": n})
}

// Pause has none of a function's jobs begin until Resume.
func (a *API) Pause(c *gateway.Call) error { return a.pause(c, a.Pauser.Pause) }

// Resume ends a pause.
func (a *API) Resume(c *gateway.Call) error { return a.pause(c, a.Pauser.Resume) }

func (a *API) pause(c *gateway.Call, do func(context.Context, rouse.FunctionName) error) error {
	if err := do(c.Request.Context(), function(c)); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}

// ShowSecret answers with what a function's webhooks are signed with.
func (a *API) ShowSecret(c *gateway.Call) error {
	c.Writer.Header().Set("Cache-Control", "no-store")
	return reply(c, http.StatusOK, map[string]string{"secret": a.Secret(function(c))})
}

func function(c *gateway.Call) rouse.FunctionName {
	return rouse.FunctionName(c.Request.PathValue("name"))
}
