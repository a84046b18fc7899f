package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/awsfront"
	"github.com/rousehq/rouse/gateway/functionurl"
	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/route"
)

// dispatch sends each request of the one listener to its hall: functions by
// path or host, then what is Rouse's own.
type dispatch struct {
	router *route.Router
	front  *awsfront.Front
	urls   *functionurl.Front
	exists func(rouse.FunctionName) bool

	data, aws, others, admin, jobs, metrics, health, ready, page http.Handler
	stopping                                                     context.Context // ends when Rouse begins to stop
}

func (d *dispatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.urls.Serves(r) { // before functions' hosts, which theirs look like
		d.urls.ServeHTTP(w, r)
		return
	}
	service := d.front.Service(r)
	// A signature for another service outranks all paths but functions', since it
	// is a bucket or a queue that is called as Rouse's own paths are.
	foreign := service != "" && service != "lambda"
	if d.router.Serves(r) && !(foreign && d.bucket(r)) {
		d.data.ServeHTTP(w, r)
		return
	}
	switch path := r.URL.Path; {
	case foreign:
		d.others.ServeHTTP(w, r)
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
	case service != "":
		d.aws.ServeHTTP(w, r) // which knows no such path, and says so in AWS's form
	default:
		d.page.ServeHTTP(w, r)
	}
}

// brisk is the hall of a request that is small as a rule and answered whole: an
// invocation, or a queue's. It is nil for all others.
func (d *dispatch) brisk(r *http.Request) http.Handler {
	if r.Method != http.MethodPost || d.urls.Serves(r) || d.router.Serves(r) {
		return nil
	}
	switch service := d.front.Service(r); {
	case service == "sqs":
		return d.others
	case (service == "" || service == "lambda") && lambdaapi.IsInvoke(r):
		return d.aws
	}
	return nil
}

// bucket says whether a host below one of ours names no function, but a bucket
// of S3: clients write them there too.
func (d *dispatch) bucket(r *http.Request) bool {
	name, hosted := d.router.Hosted(r)
	return hosted && !d.exists(name)
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
