package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// Entry is where a request comes in: it makes the Call, gives it an id that
// the client and the function see as X-Request-Id, and writes the error that
// next returns. When an answer had begun before the error, the connection is
// cut, so that nobody takes half an answer for a whole one. A panic below is an
// internal error.
func Entry(next Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{}
		e.response.ResponseWriter = w
		e.call = Call{Writer: &e.response, Request: r, ID: requestID(r), Began: time.Now()}
		e.ids[0] = e.call.ID
		r.Header[requestIDHeader] = e.ids[:1:1]
		w.Header()[requestIDHeader] = e.ids[:1:1]
		defer e.recovered(log)
		if err := next(&e.call); err != nil {
			e.fail(log, err)
		}
	})
}

const requestIDHeader = "X-Request-Id"

// exchange holds all that Entry needs for one request in one allocation.
type exchange struct {
	call     Call
	response response
	ids      [1]string
}

// fail writes err, or cuts an answer that had begun.
func (e *exchange) fail(log *slog.Logger, err error) {
	r := e.call.Request
	gone := errors.Is(err, ErrClientGone) || (errors.Is(err, context.Canceled) && r.Context().Err() != nil)
	level, code := slog.LevelDebug, rouse.CodeOf(err)
	switch {
	case gone:
		code = "client_gone"
	case code == rouse.Internal:
		level = slog.LevelError
	}
	if ctx := r.Context(); log.Enabled(ctx, level) {
		log.LogAttrs(ctx, level, "request failed",
			slog.String("request_id", e.call.ID), slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.String("code", string(code)),
			slog.String("error", err.Error()), slog.Any("cause", errors.Unwrap(err)))
	}
	switch {
	case e.response.hijacked:
	case gone || e.response.status != 0:
		panic(http.ErrAbortHandler)
	default:
		WriteError(&e.response, e.call.ID, err)
	}
}

func (e *exchange) recovered(log *slog.Logger) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	log.Error("panic", slog.String("request_id", e.call.ID), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	switch {
	case e.response.hijacked:
	case e.response.status != 0:
		panic(http.ErrAbortHandler)
	default:
		WriteError(&e.response, e.call.ID, rouse.Errorf(rouse.Internal, "panic"))
	}
}

// requestID takes over the client's id when it is a sane token, so that one id
// can be followed through several systems.
func requestID(r *http.Request) string {
	if given := r.Header[requestIDHeader]; len(given) == 1 && saneID(given[0]) {
		return given[0]
	}
	return uuid.NewString()
}

// saneID allows what may stand in a header, a log line and a file name alike.
func saneID(s string) bool {
	if len(s) < 8 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
