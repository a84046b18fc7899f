// Package jobs is how functions are called to be run later: a station that
// turns a call with "Prefer: respond-async" into a durable job, and the answers
// of /jobs/ID. A call is answered after its job is on disk, never before.
package jobs

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Submitter takes in jobs.
type Submitter interface {
	// Submit blocks until the job is on disk; created is false when its
	// idempotency key was that of an earlier one, which it returns.
	Submit(ctx context.Context, r rouse.JobRequest) (j *rouse.Job, created bool, err error)
}

// Config is what the station needs.
type Config struct {
	Jobs Submitter
	// Event makes a lambda function's event of a call.
	Event func(c *gateway.Call, now time.Time) []byte
	// MaxBody bounds the body of a request to an http function, and Slow the time
	// that its client has to send it.
	MaxBody rouse.Bytes
	Slow    time.Duration
	// Webhook says whether a URL may be told of a job's end; an error is Invalid.
	Webhook func(url string) error
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
			return cfg.accept(c, r)
		}
	}
}

// request makes what is kept of a call.
func (cfg Config) request(c *gateway.Call) (rouse.JobRequest, error) {
	r := rouse.JobRequest{
		Ref: c.Ref, Source: "http", TraceID: c.Request.Header.Get("X-Amzn-Trace-Id"), Key: c.Request.Header.Get("Idempotency-Key"),
	}
	header := c.Request.Header
	if err := cfg.notify(&r, c, header.Get(webhookHeader)); err != nil {
		return r, err
	}
	header.Del("Prefer") // both were for us
	header.Del(webhookHeader)
	if c.Revision.Spec.Contract == rouse.ContractLambda {
		r.Payload = cfg.Event(c, c.Began)
		return r, nil
	}
	if header.Get("Upgrade") != "" {
		return r, rouse.Errorf(rouse.Invalid, "upgrade: a connection cannot be kept for later; leave out respond-async")
	}
	body, err := cfg.readBody(c)
	if err != nil {
		return r, err
	}
	r.Payload = body
	r.HTTP = &rouse.JobHTTP{
		Method: c.Request.Method, Path: c.Path, Query: c.Request.URL.RawQuery, Prefix: c.Prefix, Host: c.Request.Host, From: c.Request.RemoteAddr, Header: header.Clone(),
	}
	return r, nil
}

// readBody blocks until the whole body of a request to an http function is here.
func (cfg Config) readBody(c *gateway.Call) ([]byte, error) {
	body, err := gateway.ReadBody(c, cfg.MaxBody, cfg.Slow)
	if rouse.CodeOf(err) == rouse.TooLarge {
		return nil, rouse.Errorf(rouse.TooLarge, "body: over the limit of %s for a job", cfg.MaxBody)
	}
	return body, err
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

// webhookHeader names who is to be told of one job's end.
const webhookHeader = "Webhook-Url"

// notify has a webhook told of the job's end; none when url is empty.
func (cfg Config) notify(r *rouse.JobRequest, c *gateway.Call, url string) (err error) {
	if url != "" {
		if err := cfg.Webhook(url); err != nil {
			return err
		}
	}
	if url != "" || c.Function.Settings.Webhook != "" {
		r.Notify, err = json.Marshal(rouse.JobNotify{Webhook: url, Base: base(c.Request)})
	}
	return err
}

// accept submits a job and answers with where its status is.
func (cfg Config) accept(c *gateway.Call, r rouse.JobRequest) error {
	j, created, err := cfg.Jobs.Submit(c.Request.Context(), r)
	if err != nil {
		return err
	}
	if prefers(c.Request.Header, "respond-async") || r.Source == "http" {
		c.Writer.Header().Set("Preference-Applied", "respond-async")
	}
	view := rouse.JobAccepted{RequestID: j.ID, Status: j.State, PollURL: base(c.Request) + "/jobs/" + j.ID, Existing: !created}
	c.Writer.Header().Set("Location", "/jobs/"+j.ID)
	return reply(c, http.StatusAccepted, view)
}

// base is this Rouse by the way on which the client came here.
func base(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
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
