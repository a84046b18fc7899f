package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rousehq/rouse"
)

// jobs are the collectors of asynchronous work.
type jobs struct {
	accepted *prometheus.CounterVec
	ended    *prometheus.CounterVec
	retries  *prometheus.CounterVec
	told     *prometheus.CounterVec
	waited   prometheus.Histogram
	commits  prometheus.Histogram
}

func newJobs() jobs {
	return jobs{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_jobs_accepted_total",
			Help: "Jobs that are on disk, by function.",
		}, []string{"function"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_jobs_ended_total",
			Help: "Jobs that have ended, by function and condition: Success, RetriesExhausted, EventAgeExceeded and the others of the API.",
		}, []string{"function", "condition"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_job_retries_total",
			Help: "Attempts of jobs after which another one is made, by function.",
		}, []string{"function"}),
		told: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rouse_job_deliveries_total",
			Help: "Attempts to tell of jobs' ends, by function, target (webhook, destination, dead_letter) and outcome: ok, failed (another attempt follows) or given_up.",
		}, []string{"function", "target", "outcome"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "rouse_job_wait_seconds",
			Help:    "How long jobs waited after they could have been run.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60, 300, 1800},
		}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "rouse_event_commit_seconds",
			Help:    "How long commits of durable events took; one may carry the changes of many callers.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1},
		}),
	}
}

func (j jobs) all() []prometheus.Collector {
	return []prometheus.Collector{j.accepted, j.ended, j.retries, j.told, j.waited, j.commits}
}

func (j jobs) forget(labels prometheus.Labels) {
	j.accepted.DeletePartialMatch(labels)
	j.ended.DeletePartialMatch(labels)
	j.retries.DeletePartialMatch(labels)
	j.told.DeletePartialMatch(labels)
}

// JobAccepted counts a job that is on disk.
func (m *Metrics) JobAccepted(fn rouse.FunctionName) {
	m.of(fn) // so that a deleted function's series go
	m.jobs.accepted.WithLabelValues(string(fn)).Inc()
}

// JobStarted tells how long a job waited after it could have been run.
func (m *Metrics) JobStarted(_ rouse.FunctionName, waited time.Duration) {
	m.jobs.waited.Observe(waited.Seconds())
}

// JobEnded counts an end.
func (m *Metrics) JobEnded(fn rouse.FunctionName, c rouse.JobCondition) {
	m.jobs.ended.WithLabelValues(string(fn), string(c)).Inc()
}

// JobRetried counts an attempt that is not the last.
func (m *Metrics) JobRetried(fn rouse.FunctionName) { m.jobs.retries.WithLabelValues(string(fn)).Inc() }

// JobTold counts an attempt to tell target of a job's end.
func (m *Metrics) JobTold(fn rouse.FunctionName, target string, err error, over bool) {
	outcome := "ok"
	if err != nil && over {
		outcome = "given_up"
	} else if err != nil {
		outcome = "failed"
	}
	m.of(fn) // so that a deleted function's series go
	m.jobs.told.WithLabelValues(string(fn), target, outcome).Inc()
}

// Committed tells how long a commit of events took.
func (m *Metrics) Committed(took time.Duration) { m.jobs.commits.Observe(took.Seconds()) }
