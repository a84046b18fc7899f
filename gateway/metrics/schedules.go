package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rousehq/rouse"
)

// schedules are the collectors of runs that are due at a time.
type schedules struct {
	runs *prometheus.CounterVec
	late prometheus.Histogram
}

func newSchedules() schedules {
	return schedules{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_schedule_runs_total",
			Help: "Runs that were due, by function and result: accepted as a job, missed, or failed because no job could be made.",
		}, []string{"function", "result"}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "rouse_schedule_late_seconds",
			Help:    "How much later than they were due runs were accepted as jobs.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60, 600, 3600, 86400},
		}),
	}
}

func (s schedules) all() []prometheus.Collector { return []prometheus.Collector{s.runs, s.late} }

func (s schedules) forget(labels prometheus.Labels) { s.runs.DeletePartialMatch(labels) }

// ScheduleRan counts a run whose job is on disk.
func (m *Metrics) ScheduleRan(fn rouse.FunctionName, late time.Duration) {
	m.of(fn) // so that a deleted function's series go
	m.schedules.runs.WithLabelValues(string(fn), "accepted").Inc()
	m.schedules.late.Observe(late.Seconds())
}

// ScheduleMissed counts runs that were left out.
func (m *Metrics) ScheduleMissed(fn rouse.FunctionName, runs int) {
	m.of(fn)
	m.schedules.runs.WithLabelValues(string(fn), "missed").Add(float64(runs))
}

// ScheduleFailed counts a run of which no job could be made.
func (m *Metrics) ScheduleFailed(fn rouse.FunctionName) {
	m.of(fn)
	m.schedules.runs.WithLabelValues(string(fn), "failed").Inc()
}
