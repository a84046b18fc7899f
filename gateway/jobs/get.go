package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const (
	// mostWait bounds a long poll, which holds a connection.
	mostWait = 60 * time.Second
	alive    = 15 * time.Second
)

// Get answers with a job. "Prefer: wait=20" has it wait for the job's end for as
// many seconds; "Accept: text/event-stream" has it tell of each change until then.
func (a *API) Get(c *gateway.Call) error {
	wait, err := patience(c.Request.Header)
	if err != nil {
		return err
	}
	j, err := a.Reader.Job(c.Request.Context(), c.Request.PathValue("id"))
	if err != nil {
		return err
	}
	if strings.Contains(c.Request.Header.Get("Accept"), "text/event-stream") && c.Request.Method == http.MethodGet {
		return a.stream(c, j)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	defer cancel()
	defer context.AfterFunc(a.Stopping, cancel)()
	for open := wait > 0; open && !j.State.Done(); {
		if j, open, err = a.Reader.Next(ctx, j); err != nil {
			return err
		}
	}
	return a.answer(c, j)
}

// stream tells of each change as a server-sent event, and ends with the job.
func (a *API) stream(c *gateway.Call, j *rouse.Job) error {
	every := a.Alive
	if every == 0 {
		every = alive
	}
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(a.Stopping, cancel)()
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	control := http.NewResponseController(c.Writer)
	send := func(format string, args ...any) error {
		if _, err := fmt.Fprintf(c.Writer, format, args...); err != nil {
			return gateway.ErrClientGone
		}
		if err := control.Flush(); err != nil {
			return gateway.ErrClientGone
		}
		return nil
	}
	for shown := (*rouse.Job)(nil); ; {
		if shown == nil || changed(shown, j) {
			view, err := a.view(c, j)
			if err != nil {
				return err
			}
			b, err := json.Marshal(view)
			if err != nil {
				return err
			}
			if err := send("event: %s\ndata: %s\n\n", j.State, b); err != nil {
				return err
			}
		} else if err := send(": still %s\n\n", j.State); err != nil {
			return err
		}
		if shown = j; j.State.Done() {
			return nil
		}
		waiting, done := context.WithTimeout(ctx, every)
		next, open, err := a.Reader.Next(waiting, j)
		done()
		if err != nil {
			return err
		}
		if !open && (ctx.Err() != nil || waiting.Err() == nil) {
			return nil // the client left, or Rouse stops
		}
		j = next
	}
}

func changed(a, b *rouse.Job) bool {
	return a.State != b.State || a.Attempts != b.Attempts || !a.Next.Equal(b.Next)
}

// patience is how long the client wants to wait.
func patience(h http.Header) (time.Duration, error) {
	value, ok := preference(h, "wait")
	if !ok {
		return 0, nil
	}
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds < 0 {
		return 0, rouse.Errorf(rouse.Invalid, "prefer: wait=%q must be a number of seconds, such as wait=20", rouse.Clip(value))
	}
	return min(time.Duration(min(seconds, 3600))*time.Second, mostWait), nil
}

// Result answers with what the function answered, as it was.
func (a *API) Result(c *gateway.Call) error {
	j, err := a.Reader.Job(c.Request.Context(), c.Request.PathValue("id"))
	switch {
	case err != nil:
		return err
	case !j.State.Done():
		return rouse.Errorf(rouse.Conflict, "job %s is %s: it has no result yet", j.ID, j.State)
	case j.Result == nil:
		return rouse.Errorf(rouse.NotFound, "job %s has no result: it %s", j.ID, j.State)
	case j.Result.Omitted != "":
		return rouse.Errorf(rouse.NotFound, "job %s: %s", j.ID, j.Result.Omitted)
	}
	b, err := a.Reader.Payload(c.Request.Context(), j)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Disposition"} {
		if value := j.Result.Header.Get(name); value != "" {
			h.Set(name, value)
		}
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/octet-stream")
		if json.Valid(b) {
			h.Set("Content-Type", "application/json")
		}
	}
	// What a function answers is no page of Rouse's, and may do nothing as one.
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.Writer.WriteHeader(http.StatusOK)
	if _, err := c.Writer.Write(b); err != nil {
		return gateway.ErrClientGone
	}
	return nil
}

var states = []rouse.JobState{
	rouse.JobPending, rouse.JobRunning, rouse.JobSucceeded, rouse.JobFailed, rouse.JobCancelled, rouse.JobExpired,
}

// List answers with jobs, the newest first: those of a function, or of all, and
// of one status.
func (a *API) List(c *gateway.Call) error {
	query := c.Request.URL.Query()
	f := rouse.JobFilter{State: rouse.JobState(query.Get("status")), After: query.Get("after")}
	if f.State != "" && !slices.Contains(states, f.State) {
		return rouse.Errorf(rouse.Invalid, "status %q: must be pending, running, succeeded, failed, cancelled or expired", rouse.Clip(string(f.State)))
	}
	var err error
	if name := query.Get("function"); name != "" {
		if f.Function, err = rouse.ParseFunctionName(name); err != nil {
			return err
		}
	}
	if text := query.Get("limit"); text != "" {
		if f.Most, err = strconv.Atoi(text); err != nil || f.Most < 1 || f.Most > 1000 {
			return rouse.Errorf(rouse.Invalid, "limit %q: must be 1 to 1000", rouse.Clip(text))
		}
	}
	jobs, next, err := a.Reader.List(c.Request.Context(), f)
	if err != nil {
		return err
	}
	page := rouse.JobPage{Jobs: make([]*rouse.JobView, len(jobs)), Next: next}
	for i, j := range jobs {
		page.Jobs[i] = rouse.JobLine(j)
	}
	return reply(c, http.StatusOK, page)
}
