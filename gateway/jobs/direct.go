package jobs

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Direct is the end of POST /api/v1/functions/NAME/jobs: the body is the event
// of a lambda function, or that of a POST to the root of an http function.
// delay, max_age, max_attempts and webhook_url in the query are the job's own.
func Direct(cfg Config) gateway.Handler {
	return func(c *gateway.Call) error {
		r := rouse.JobRequest{
			Ref: c.Ref, Source: "api", TraceID: c.Request.Header.Get("X-Amzn-Trace-Id"), Key: c.Request.Header.Get("Idempotency-Key"),
		}
		query := c.Request.URL.Query()
		if err := options(&r, query); err != nil {
			return err
		}
		if err := cfg.notify(&r, c, cmp.Or(query.Get("webhook_url"), c.Request.Header.Get(webhookHeader))); err != nil {
			return err
		}
		if c.Revision.Spec.Contract == rouse.ContractLambda {
			if r.Payload = c.Body; len(r.Payload) == 0 {
				r.Payload = []byte("{}")
			}
			if !json.Valid(r.Payload) {
				return rouse.Errorf(rouse.Invalid, "body: an event must be JSON")
			}
			return cfg.accept(c, r)
		}
		body, err := cfg.readBody(c)
		if err != nil {
			return err
		}
		r.Payload = body
		r.HTTP = &rouse.JobHTTP{Method: http.MethodPost, Path: "/", Host: c.Request.Host, From: c.Request.RemoteAddr, Header: http.Header{}}
		if kind := c.Request.Header.Get("Content-Type"); kind != "" {
			r.HTTP.Header.Set("Content-Type", kind)
		}
		return cfg.accept(c, r)
	}
}

// options reads a job's own settings from a query.
func options(r *rouse.JobRequest, q url.Values) error {
	for name, into := range map[string]*time.Duration{"delay": &r.Delay, "max_age": &r.MaxAge} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		var d rouse.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d < 0 {
			return rouse.Errorf(rouse.Invalid, "%s %q: write it like 30s or 5m", name, rouse.Clip(text))
		}
		*into = d.D()
	}
	if text := q.Get("max_attempts"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return rouse.Errorf(rouse.Invalid, "max_attempts %q: must be a whole number from 1", rouse.Clip(text))
		}
		r.MaxAttempts = n
	}
	return nil
}
