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
		"Requests that instances work on now, by function; one without instances has none.", []string{"function"}, nil)
	waitingDesc = prometheus.NewDesc("rouse_requests_waiting",
		"Requests that wait for an instance now.", nil, nil)
	queueBytesDesc = prometheus.NewDesc("rouse_queue_bytes",
		"Bytes of request bodies that waiting requests hold in memory.", nil, nil)
	instancesDesc = prometheus.NewDesc("rouse_instances",
		"Instances by function and state: starting, ready, frozen, draining; a function that is asleep has none.", []string{"function", "state"}, nil)
	memoryBudgetDesc = prometheus.NewDesc("rouse_memory_budget_bytes",
		"Memory that instances may have together by their limits; 0 is no limit.", nil, nil)
	memoryInUseDesc = prometheus.NewDesc("rouse_memory_in_use_bytes",
		"Sum of the memory limits of all instances.", nil, nil)
	cellsDesc = prometheus.NewDesc("rouse_cells",
		"Spare sandboxes by kind, which is their network mode, and state: ready, making; none are reported where the driver has none.", []string{"kind", "state"}, nil)
	jobsDesc = prometheus.NewDesc("rouse_jobs",
		"Jobs that have not ended, by function and state: pending, running.", []string{"function", "state"}, nil)
	jobsOldestDesc = prometheus.NewDesc("rouse_jobs_oldest_seconds",
		"Since the oldest job of a function that has not ended was accepted; 0 without one.", []string{"function"}, nil)
	queueMessagesDesc = prometheus.NewDesc("rouse_queue_messages",
		"Messages of queues, by queue and state: ready, delayed, leased.", []string{"queue", "state"}, nil)
	queueOldestDesc = prometheus.NewDesc("rouse_queue_oldest_seconds",
		"Since the oldest message of a queue was sent; 0 without one.", []string{"queue"}, nil)
	cellMemoryDesc = prometheus.NewDesc("rouse_cell_memory_bytes",
		"Memory of one spare sandbox, measured, with what the engine runs for it; only while there is one.", nil, nil)
)

func (s state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inFlightDesc, waitingDesc, queueBytesDesc, instancesDesc, memoryBudgetDesc, memoryInUseDesc, cellsDesc, cellMemoryDesc, jobsDesc, jobsOldestDesc, queueMessagesDesc, queueOldestDesc} {
		ch <- d
	}
}

func (s state) Collect(ch chan<- prometheus.Metric) {
	snap := s.snapshot()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	type group struct {
		inFlight int
		states   map[rouse.State]int
	}
	groups := map[rouse.FunctionName]*group{}
	for _, i := range snap.Instances {
		g := groups[i.Function]
		if g == nil {
			g = &group{states: map[rouse.State]int{}}
			groups[i.Function] = g
		}
		g.inFlight += i.InFlight
		g.states[i.State]++
	}
	for name, g := range groups {
		gauge(inFlightDesc, float64(g.inFlight), string(name))
		for _, st := range []rouse.State{rouse.Starting, rouse.Ready, rouse.Frozen, rouse.Draining} {
			gauge(instancesDesc, float64(g.states[st]), string(name), string(st))
		}
	}
	gauge(waitingDesc, float64(snap.Waiting))
	gauge(queueBytesDesc, float64(snap.QueueBytes))
	gauge(memoryBudgetDesc, float64(snap.MemoryBudget))
	gauge(memoryInUseDesc, float64(snap.MemoryInUse))
	for _, j := range snap.Jobs {
		gauge(jobsDesc, float64(j.Pending), string(j.Function), "pending")
		gauge(jobsDesc, float64(j.Running), string(j.Function), "running")
		gauge(jobsOldestDesc, j.Oldest.Seconds(), string(j.Function))
	}
	for _, q := range snap.Queues {
		gauge(queueMessagesDesc, float64(q.Counts.Ready), q.Name, "ready")
		gauge(queueMessagesDesc, float64(q.Counts.Waiting), q.Name, "delayed")
		gauge(queueMessagesDesc, float64(q.Counts.Leased), q.Name, "leased")
		gauge(queueOldestDesc, q.Oldest.Seconds(), q.Name)
	}
	if c := snap.Cells; c != nil {
		for _, k := range c.Kinds {
			gauge(cellsDesc, float64(k.Ready), k.Kind, "ready")
			gauge(cellsDesc, float64(k.Making), k.Kind, "making")
		}
		if c.Memory > 0 {
			gauge(cellMemoryDesc, float64(c.Memory))
		}
	}
}
