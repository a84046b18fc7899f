package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rousehq/rouse"
)

// state turns a snapshot into gauges at the moment of a scrape.
type state struct{ snapshot func() Snapshot }

var _ prometheus.Collector = state{}

var (
	inFlightDesc = prometheus.NewDesc("rouse_requests_in_flight",
		"Requests that an instance works on now, by function.", []string{"function"}, nil)
	waitingDesc = prometheus.NewDesc("rouse_requests_waiting",
		"Requests that wait for an instance now, by function.", []string{"function"}, nil)
	queueBytesDesc = prometheus.NewDesc("rouse_queue_bytes",
		"Bytes of request bodies that waiting requests hold in memory, by function.", []string{"function"}, nil)
	instancesDesc = prometheus.NewDesc("rouse_instances",
		"Instances by function and state: starting, ready, draining.", []string{"function", "state"}, nil)
	memoryBudgetDesc = prometheus.NewDesc("rouse_memory_budget_bytes",
		"Memory that instances may have together by their limits; 0 is no limit.", nil, nil)
	memoryInUseDesc = prometheus.NewDesc("rouse_memory_in_use_bytes",
		"Sum of the memory limits of all instances.", nil, nil)
)

func (s state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inFlightDesc, waitingDesc, queueBytesDesc, instancesDesc, memoryBudgetDesc, memoryInUseDesc} {
		ch <- d
	}
}

func (s state) Collect(ch chan<- prometheus.Metric) {
	snap := s.snapshot()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, f := range snap.Functions {
		name := string(f.Name)
		gauge(inFlightDesc, float64(f.InFlight), name)
		gauge(waitingDesc, float64(f.Waiting), name)
		gauge(queueBytesDesc, float64(f.QueueBytes), name)
		for _, st := range []rouse.State{rouse.Starting, rouse.Ready, rouse.Draining} {
			gauge(instancesDesc, float64(f.Instances[st]), name, string(st))
		}
	}
	gauge(memoryBudgetDesc, float64(snap.MemoryBudget))
	gauge(memoryInUseDesc, float64(snap.MemoryInUse))
}
