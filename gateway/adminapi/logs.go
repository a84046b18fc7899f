package adminapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// logs answers with what a function printed, a JSON object per line, or as
// server-sent events when the client accepts text/event-stream. With follow it
// goes on until the client leaves. An error on the way is the last line.
func (a *api) logs(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	query, err := logQuery(c.Request.URL.Query(), time.Now())
	if err != nil {
		return err
	}
	before, after, kind := "", "\n", ndjson
	if strings.Contains(c.Request.Header.Get("Accept"), "text/event-stream") {
		before, after, kind = "data: ", "\n\n", "text/event-stream"
	}
	c.Writer.Header().Set("Content-Type", kind)
	c.Writer.Header().Set("Cache-Control", "no-store")
	c.Writer.WriteHeader(http.StatusOK)
	control := http.NewResponseController(c.Writer)
	if query.Follow {
		control.Flush() // the first line may be long in coming
	}
	var out []byte
	for line, err := range a.Logs.Read(c.Request.Context(), fn.Name, query) {
		var v any = line
		if err != nil {
			if c.Request.Context().Err() != nil {
				return gateway.ErrClientGone
			}
			if rouse.CodeOf(err) == rouse.Internal {
				a.Log.Error("reading logs", "request_id", c.ID, "function", fn.Name, "error", err)
			}
			v = map[string]gateway.ErrorBody{"error": gateway.Describe(c.ID, err)}
		}
		b, encodeErr := json.Marshal(v)
		if encodeErr != nil {
			return encodeErr
		}
		out = append(append(append(out[:0], before...), b...), after...)
		if _, writeErr := c.Writer.Write(out); writeErr != nil {
			return gateway.ErrClientGone
		}
		if query.Follow {
			control.Flush()
		}
		if err != nil {
			return nil
		}
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
			if q.Tail, err = strconv.Atoi(value); err != nil || q.Tail < 1 {
				return q, rouse.Errorf(rouse.Invalid, "tail %q: must be a whole number from 1", clip(value))
			}
		case "follow":
			if q.Follow, err = strconv.ParseBool(value); err != nil {
				return q, rouse.Errorf(rouse.Invalid, "follow %q: must be true or false", clip(value))
			}
		case "since":
			if q.Since, err = since(value, now); err != nil {
				return q, err
			}
		default:
			return q, rouse.Errorf(rouse.Invalid, "query %q: unknown; %s", clip(key), suggest(key, []string{"follow", "request_id", "since", "tail"}))
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
		return time.Time{}, rouse.Errorf(rouse.Invalid, "since %q: write a time like 2026-01-31T12:00:00Z, or how long ago, like 10m", clip(value))
	}
	return now.Add(-ago.D()), nil
}
