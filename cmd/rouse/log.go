package main

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/rousehq/rouse"
)

// logger is Rouse's own log, on standard error.
func (a *app) logger(c config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: withCause}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
}

// withCause adds to errors what callers may not see and the log must.
func withCause(_ []string, attr slog.Attr) slog.Attr {
	err, ok := attr.Value.Any().(error)
	var public *rouse.Error
	if !ok || !errors.As(err, &public) {
		return attr
	}
	text := err.Error()
	for _, more := range []string{public.Detail, causeOf(public)} {
		if more != "" && !strings.Contains(text, more) {
			text += ": " + more
		}
	}
	return slog.String(attr.Key, text)
}

func causeOf(e *rouse.Error) string {
	if e.Cause == nil {
		return ""
	}
	return e.Cause.Error()
}
