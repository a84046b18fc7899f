package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/route"
	"github.com/rousehq/rouse/gateway/sqsapi"
)

// dispatch sends each request of the one listener to its hall: functions by
// path or host, then what is Rouse's own.
type dispatch struct {
	router                                                    *route.Router
	data, aws, sqs, admin, jobs, metrics, health, ready, page http.Handler
	stopping                                                  context.Context // ends when Rouse begins to stop
}

func (d *dispatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.router.Serves(r) {
		d.data.ServeHTTP(w, r)
		return
	}
	switch path := r.URL.Path; {
	case sqsapi.Serves(r):
		d.sqs.ServeHTTP(w, r)
	case lambdaapi.Serves(path):
		d.aws.ServeHTTP(w, r)
	case path == "/api/v1" || strings.HasPrefix(path, "/api/v1/"):
		d.serveAdmin(w, r)
	case strings.HasPrefix(path, "/jobs/"):
		d.jobs.ServeHTTP(w, r)
	case path == "/metrics":
		d.metrics.ServeHTTP(w, r)
	case path == "/healthz":
		d.health.ServeHTTP(w, r)
	case path == "/readyz":
		d.ready.ServeHTTP(w, r)
	default:
		d.page.ServeHTTP(w, r)
	}
}

// serveAdmin ends what only reads, and may read for ever, when Rouse stops;
// what changes something is finished.
func (d *dispatch) serveAdmin(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(d.stopping, cancel)()
		r = r.WithContext(ctx)
	}
	d.admin.ServeHTTP(w, r)
}
