// Package metrics measures the platform for Prometheus: a station counts the
// calls that pass, the pool reports starts and evictions, and what is a state
// rather than an event is read from a snapshot when somebody scrapes.
//
// Only functions that exist have series; those of a deleted function go at the
// next scrape.
package metrics

import (
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rousehq/rouse"
)

// Config is what the metrics are told of the platform.
type Config struct {
	Version string
	Driver  string
	// Snapshot is called at every scrape.
	Snapshot func() Snapshot
	// Exists says whether a function is still there.
	Exists func(rouse.FunctionName) bool
	Log    *slog.Logger
}

// Snapshot is the platform's state at one moment.
type Snapshot struct {
	Instances    []rouse.Instance
	Waiting      int          // requests that wait for an instance
	QueueBytes   rouse.Bytes  // what they hold in memory
	MemoryBudget rouse.Bytes  // 0 is no limit
	MemoryInUse  rouse.Bytes  // sum of the instances' limits
	Cells        *rouse.Cells // nil where the driver has none
	Jobs         []Jobs       // of every function that has had some
	Queues       []Queue
}

// Jobs are one function's at one moment.
type Jobs struct {
	Function         rouse.FunctionName
	Pending, Running int
	Oldest           time.Duration // since the oldest one that has not ended was accepted
}

// Queue is what is in one of the queues.
type Queue struct {
	Name   string
	Counts rouse.QueueCounts
	Oldest time.Duration // since its oldest message was sent
}

// Metrics owns a registry of its own; nothing is global.
type Metrics struct {
	cfg       Config
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	starts    *prometheus.CounterVec
	phases    *prometheus.HistogramVec
	evictions *prometheus.CounterVec
	jobs      jobs
	schedules schedules

	series sync.Map // rouse.FunctionName → *series, resolved once per function
}

// series are one function's hot children.
type series struct {
	ok       prometheus.Counter
	duration prometheus.Observer
}

// New makes the collectors. It starts nothing.
func New(cfg Config) *Metrics {
	m := &Metrics{
		cfg:      cfg,
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_requests_total",
			Help: "Requests by function and outcome: ok, client_error or server_error by what the function answered (below 400, 4xx, 5xx), client_gone, or the code of Rouse's own error.",
		}, []string{"function", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rouse_request_duration_seconds",
			Help:    "From a request's head to the last byte of its answer, waiting included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"function"}),
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_starts_total",
			Help: "Starts of instances by function and outcome: ok, or the code of the error.",
		}, []string{"function", "outcome"}),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "rouse_start_phase_seconds",
			Help:    "How long each phase of successful starts took: queue (permission to start), sandbox (making it, or taking one that was made ahead), mount (laying the files over a cell's), start (placing the code and starting the process), init (the code getting ready); by what the start began with: cell, cold, or restart in the same sandbox. A frozen instance has the phase thaw alone.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"phase", "tier"}),
		evictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_evictions_total",
			Help: "Idle instances stopped before their time because others needed the memory, by the function that lost one.",
		}, []string{"function"}),
	}
	m.jobs = newJobs()
	m.registry.MustRegister(m.jobs.all()...)
	m.schedules = newSchedules()
	m.registry.MustRegister(m.schedules.all()...)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "rouse_build_info",
		Help:        "Always 1; the labels tell which Rouse this is.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "driver": cfg.Driver, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.starts, m.phases, m.evictions, build,
		state{cfg.Snapshot}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slogErrors{m.cfg.Log}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.prune()
		scrape.ServeHTTP(w, r)
	})
}

// slogErrors is promhttp's idea of a logger.
type slogErrors struct{ log *slog.Logger }

func (l slogErrors) Println(v ...any) { l.log.Error("collecting metrics", slog.Any("error", v)) }
