package page

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Healthz answers 200 as long as the process can answer at all.
func Healthz(w http.ResponseWriter, r *http.Request) { well(w) }

// Readyz answers 200 when check finds the platform able to serve, else 503
// with check's reason. check must return soon: a prober waits for it.
func Readyz(check func(ctx context.Context) error, log *slog.Logger) http.Handler {
	return gateway.Entry(func(c *gateway.Call) error {
		if err := check(c.Request.Context()); err != nil {
			if rouse.CodeOf(err) != rouse.Internal {
				return err
			}
			return &rouse.Error{Code: rouse.Unavailable, Message: "not able to serve", Cause: err}
		}
		well(c.Writer)
		return nil
	}, log)
}

func well(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.Write([]byte("ok\n")) // a prober that left cannot be told anything
}
