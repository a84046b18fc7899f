package metrics

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Outcomes that are not codes of errors.
const (
	outcomeOK          = "ok"
	outcomeClientError = "client_error"
	outcomeServerError = "server_error"
	outcomeClientGone  = "client_gone"
)

// Station counts and times the calls that pass. It stands behind route, since
// what names no function has no series.
func (m *Metrics) Station(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) (err error) {
		panicked := true
		defer func() {
			switch {
			case panicked && c.Request.Context().Err() != nil:
				err = gateway.ErrClientGone
			case panicked: // the way in answers it
				err = rouse.Errorf(rouse.Internal, "panic")
			}
			m.observe(c, err)
		}()
		err = next(c)
		panicked = false
		return err
	}
}

func (m *Metrics) observe(c *gateway.Call, err error) {
	s := m.of(c.Function.Name)
	s.duration.Observe(time.Since(c.Began).Seconds())
	switch outcome := outcomeOf(c, err); outcome {
	case outcomeOK:
		s.ok.Inc()
	default:
		m.requests.WithLabelValues(string(c.Function.Name), outcome).Inc()
	}
}

func outcomeOf(c *gateway.Call, err error) string {
	switch {
	case errors.Is(err, gateway.ErrClientGone),
		errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil:
		return outcomeClientGone
	case err != nil:
		return string(rouse.CodeOf(err))
	}
	switch status := gateway.Sent(c.Writer); {
	case status >= http.StatusInternalServerError:
		return outcomeServerError
	case status >= http.StatusBadRequest:
		return outcomeClientError
	}
	return outcomeOK
}

// of resolves a function's children once, so that a call pays for no label lookup.
func (m *Metrics) of(name rouse.FunctionName) *series {
	if s, ok := m.series.Load(name); ok {
		return s.(*series)
	}
	s, _ := m.series.LoadOrStore(name, &series{
		ok:       m.requests.WithLabelValues(string(name), outcomeOK),
		duration: m.duration.WithLabelValues(string(name)),
	})
	return s.(*series)
}

// restart stands for the tier of a start in a sandbox that was in use before.
const restart rouse.Tier = "restart"

// InstanceStarted records a start's end. timings are its phases when err is
// nil; a restart has no tier.
func (m *Metrics) InstanceStarted(fn rouse.FunctionName, tier rouse.Tier, timings []rouse.Timing, err error) {
	m.of(fn) // so that prune knows the name
	if err != nil {
		m.starts.WithLabelValues(string(fn), string(rouse.CodeOf(err))).Inc()
		return
	}
	m.starts.WithLabelValues(string(fn), outcomeOK).Inc()
	for _, t := range timings {
		m.phases.WithLabelValues(string(t.Phase), string(cmp.Or(tier, restart))).Observe(t.Took.Seconds())
	}
}

// InstanceThawed records that a frozen instance of fn was continued.
func (m *Metrics) InstanceThawed(_ rouse.FunctionName, took time.Duration) {
	m.phases.WithLabelValues(string(rouse.PhaseThaw), string(rouse.TierFrozen)).Observe(took.Seconds())
}

// Evicted records that fn lost an idle instance to somebody else's need.
func (m *Metrics) Evicted(fn rouse.FunctionName) {
	m.of(fn)
	m.evictions.WithLabelValues(string(fn)).Inc()
}

// prune drops the series of functions that are gone. A request that outlives
// its function brings them back, until the next scrape.
func (m *Metrics) prune() {
	m.series.Range(func(key, _ any) bool {
		name := key.(rouse.FunctionName)
		if m.cfg.Exists(name) {
			return true
		}
		m.series.Delete(name)
		labels := prometheus.Labels{"function": string(name)}
		m.requests.DeletePartialMatch(labels)
		m.duration.DeletePartialMatch(labels)
		m.starts.DeletePartialMatch(labels)
		m.evictions.DeletePartialMatch(labels)
		m.jobs.forget(labels)
		m.schedules.forget(labels)
		return true
	})
}
