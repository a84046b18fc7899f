// Package jobs is how functions are called to be run later: a station that
// turns a call with "Prefer: respond-async" into a durable job, and the answers
// of /jobs/ID. A call is answered after its job is on disk, never before.
package jobs

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Jobs keeps jobs and runs them.
type Jobs interface {
	// Submit blocks until the job is on disk; created is false when its
	// idempotency key was that of an earlier one, which it returns.
	Submit(ctx context.Context, r rouse.JobRequest) (j *rouse.Job, created bool, err error)
	// Job finds a job or returns a NotFound error.
	Job(ctx context.Context, id string) (*rouse.Job, error)
	// Wait blocks until the job has ended or ctx has, which is no error.
	Wait(ctx context.Context, id string) (*rouse.Job, error)
	// Payload is what the function answered; nil when nothing was kept.
	Payload(ctx context.Context, j *rouse.Job) ([]byte, error)
}

// Config is what the station needs.
type Config struct {
	Jobs Jobs
	// Event makes a lambda function's event of a call.
	Event func(c *gateway.Call, now time.Time) []byte
	// MaxBody bounds the body of a request to an http function.
	MaxBody rouse.Bytes
}

// Station submits calls that prefer to be answered asynchronously and passes
// the others on. It stands behind limit, which has read the body of an event.
func Station(cfg Config) gateway.Station {
	return func(next gateway.Handler) gateway.Handler {
		return func(c *gateway.Call) error {
			if !prefers(c.Request.Header, "respond-async") {
				return next(c)
			}
			r, err := cfg.request(c)
			if err != nil {
				return err
			}
			return Accept(c, cfg.Jobs, r)
		}
	}
}

// request makes what is kept of a call.
func (cfg Config) request(c *gateway.Call) (rouse.JobRequest, error) {
	r := rouse.JobRequest{
		Ref: c.Ref, Source: "http", TraceID: c.Request.Header.Get("X-Amzn-Trace-Id"), Key: c.Request.Header.Get("Idempotency-Key"),
	}
	header := c.Request.Header
	header.Del("Prefer") // it was for us
	if c.Revision.Spec.Contract == rouse.ContractLambda {
		r.Payload = cfg.Event(c, c.Began)
		return r, nil
	}
	if header.Get("Upgrade") != "" {
		return r, rouse.Errorf(rouse.Invalid, "upgrade: a connection cannot be kept for later; leave out respond-async")
	}
	body, err := readBody(c, cfg.MaxBody)
	if err != nil {
		return r, err
	}
	r.Payload = body
	r.HTTP = &rouse.JobHTTP{
		Method: c.Request.Method, Path: c.Path, Query: c.Request.URL.RawQuery, Prefix: c.Prefix, Host: c.Request.Host, Header: header.Clone(),
	}
	return r, nil
}

func readBody(c *gateway.Call, most rouse.Bytes) ([]byte, error) {
	if c.Request.ContentLength > int64(most) {
		return nil, tooLarge(most)
	}
	body, err := io.ReadAll(io.LimitReader(c.Request.Body, int64(most)+1))
	switch {
	case rouse.Bytes(len(body)) > most || rouse.CodeOf(err) == rouse.TooLarge:
		return nil, tooLarge(most)
	case err != nil:
		return nil, gateway.ErrClientGone
	}
	return body, nil
}

func tooLarge(most rouse.Bytes) error {
	return rouse.Errorf(rouse.TooLarge, "body: over the limit of %s for a job", most)
}

// prefers says whether a preference is among those of the Prefer headers (RFC 7240).
func prefers(h http.Header, token string) bool {
	_, ok := preference(h, token)
	return ok
}

func preference(h http.Header, token string) (value string, ok bool) {
	for _, line := range h["Prefer"] {
		for p := range strings.SplitSeq(line, ",") {
			p, _, _ = strings.Cut(p, ";")
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			if strings.EqualFold(strings.TrimSpace(name), token) {
				return strings.Trim(strings.TrimSpace(value), `"`), true
			}
		}
	}
	return "", false
}

// Accept submits a job and answers with where its status is.
func Accept(c *gateway.Call, jobs Jobs, r rouse.JobRequest) error {
	j, created, err := jobs.Submit(c.Request.Context(), r)
	if err != nil {
		return err
	}
	if prefers(c.Request.Header, "respond-async") || r.Source == "http" {
		c.Writer.Header().Set("Preference-Applied", "respond-async")
	}
	view := struct {
		RequestID string         `json:"request_id"`
		Status    rouse.JobState `json:"status"`
		PollURL   string         `json:"poll_url"`
		Existing  bool           `json:"existing,omitempty"` // the idempotency key was an earlier job's
	}{j.ID, j.State, address(c.Request, j.ID), !created}
	c.Writer.Header().Set("Location", "/jobs/"+j.ID)
	return reply(c, http.StatusAccepted, view)
}

// address is where a job's status is, by the way on which the client came here.
func address(r *http.Request, id string) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/jobs/" + id
}

// mostWait bounds a long poll, which holds a connection.
const mostWait = 60 * time.Second

// Get answers GET /jobs/ID. "Prefer: wait=20" has it wait for the job's end for
// as many seconds; stopping ends the wait too.
func Get(jobs Jobs, stopping context.Context) gateway.Handler {
	return func(c *gateway.Call) error {
		if !slices.Contains([]string{http.MethodGet, http.MethodHead}, c.Request.Method) {
			c.Writer.Header().Set("Allow", "GET, HEAD")
			gateway.WriteErrorStatus(c.Writer, http.StatusMethodNotAllowed, c.ID,
				rouse.Errorf(rouse.Invalid, "method %s: this path allows GET", c.Request.Method))
			return nil
		}
		id := strings.TrimPrefix(c.Request.URL.Path, "/jobs/")
		wait, err := patience(c.Request.Header)
		if err != nil {
			return err
		}
		ctx := c.Request.Context()
		var j *rouse.Job
		if wait > 0 {
			waiting, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			defer context.AfterFunc(stopping, cancel)()
			j, err = jobs.Wait(waiting, id)
		} else {
			j, err = jobs.Job(ctx, id)
		}
		if err != nil {
			return err
		}
		view, err := View(ctx, jobs, j)
		if err != nil {
			return err
		}
		if !j.State.Done() {
			c.Writer.Header().Set("Retry-After", "1")
		}
		return reply(c, http.StatusOK, view)
	}
}

// patience is how long the client wants to wait.
func patience(h http.Header) (time.Duration, error) {
	value, ok := preference(h, "wait")
	if !ok {
		return 0, nil
	}
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds < 0 {
		return 0, rouse.Errorf(rouse.Invalid, "prefer: wait=%q must be a number of seconds, such as wait=20", clip(value))
	}
	return min(time.Duration(min(seconds, 3600))*time.Second, mostWait), nil
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func reply(c *gateway.Call, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	h.Set("X-Content-Type-Options", "nosniff")
	c.Writer.WriteHeader(status)
	if _, err := c.Writer.Write(append(b, '\n')); err != nil {
		return gateway.ErrClientGone
	}
	return nil
}
