package adminapi

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// logs answers with what a function printed, in the form that the client
// accepts: JSON lines, server-sent events, or plain text for browsers. With
// follow it goes on until the client leaves. An error on the way is the last line.
func (a *api) logs(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	query, err := logQuery(c.Request.URL.Query(), time.Now())
	if err != nil {
		return err
	}
	form := formOf(c.Request.Header.Get("Accept"))
	h := c.Writer.Header()
	h.Set("Content-Type", form.contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.Writer.WriteHeader(http.StatusOK)
	control := http.NewResponseController(c.Writer)
	if query.Follow {
		control.Flush() // the first line may be long in coming
	}
	var out []byte
	for line, err := range a.Logs.Read(c.Request.Context(), fn.Name, query) {
		if err != nil {
			return a.endLogs(c, form, err)
		}
		out = form.line(out[:0], line)
		if _, err := c.Writer.Write(out); err != nil {
			return gateway.ErrClientGone
		}
		if query.Follow {
			control.Flush()
		}
	}
	return nil
}

// endLogs tells of an error where the status has gone out long ago.
func (a *api) endLogs(c *gateway.Call, form logForm, err error) error {
	if c.Request.Context().Err() != nil {
		return gateway.ErrClientGone
	}
	if rouse.CodeOf(err) == rouse.Internal {
		a.Log.Error("reading logs", "request_id", c.ID, "function", mux.Vars(c.Request)["name"], "error", err)
	}
	if _, err := c.Writer.Write(form.failure(gateway.Describe(c.ID, err))); err != nil {
		return gateway.ErrClientGone
	}
	return nil
}

func logQuery(values url.Values, now time.Time) (LogQuery, error) {
	q := LogQuery{RequestID: values.Get("request_id")}
	var err error
	for key := range values {
		value := values.Get(key)
		switch key {
		case "request_id":
		case "tail":
			if q.Tail, err = strconv.Atoi(value); err != nil || q.Tail < 0 {
				return q, rouse.Errorf(rouse.Invalid, "tail %q: must be a whole number from 0", rouse.Clip(value))
			}
			if q.Tail == 0 {
				q.Tail = -1
			}
		case "follow":
			if q.Follow, err = strconv.ParseBool(value); err != nil {
				return q, rouse.Errorf(rouse.Invalid, "follow %q: must be true or false", rouse.Clip(value))
			}
		case "since":
			if q.Since, err = since(value, now); err != nil {
				return q, err
			}
		default:
			return q, rouse.Errorf(rouse.Invalid, "query %q: unknown; %s", rouse.Clip(key), suggest(key, []string{"follow", "request_id", "since", "tail"}))
		}
	}
	return q, nil
}

// since reads a moment, or how long ago it was.
func since(value string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return t, nil
	}
	var ago rouse.Duration
	if err := ago.Set(value); err != nil || ago < 0 {
		return time.Time{}, rouse.Errorf(rouse.Invalid, "since %q: write a time like 2026-01-31T12:00:00Z, or how long ago, like 10m", rouse.Clip(value))
	}
	return now.Add(-ago.D()), nil
}
