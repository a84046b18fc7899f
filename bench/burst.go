package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// burst sends more calls at once to a function at zero than it may have
// instances, with a queue that holds them and with the default one.
func burst(ctx context.Context, l *lab) (results []result, err error) {
	d := driver(ctx)
	p, spec, err := l.serveEcho(ctx, "burst", d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec.Environment = map[string]string{"SLOW": "50ms"}
	const calls, most = 200, 4
	for _, test := range []struct {
		name     rouse.FunctionName
		queue    int
		accepted int
	}{
		{"queued", 200, calls},
		// The requests for which an instance starts do not count as queued.
		{"overflowing", rouse.DefaultSettings().Queue, rouse.DefaultSettings().Queue + most},
	} {
		settings := rouse.DefaultSettings()
		settings.MaxInstances, settings.Queue = most, test.queue
		if err := p.deploy(ctx, test.name, spec, settings); err != nil {
			return nil, err
		}
		highest, watched := p.watch(ctx, test.name)
		began := time.Now()
		got := send(ctx, p.address(test.name), calls)
		took := time.Since(began)
		watched()
		starts, err := p.metric(ctx, fmt.Sprintf(`rouse_starts_total{function="%s",outcome="ok"}`, test.name))
		if err != nil {
			return nil, err
		}
		ok := got.status[http.StatusOK] == test.accepted && got.status[http.StatusTooManyRequests] == calls-test.accepted &&
			got.lost == 0 && highest() <= most && starts == most
		results = append(results, judge(ok, result{
			Asked:    fmt.Sprintf("%d simultaneous calls at zero, max-instances %d, queue %d (%s)", calls, most, test.queue, d),
			Bound:    fmt.Sprintf("%d answered, %d get 429, at most %d sandboxes, %d starts", test.accepted, calls-test.accepted, most, most),
			Measured: fmt.Sprintf("%s; at most %d sandboxes, %.0f starts, %.1f s in all", got, highest(), starts, took.Seconds()),
		}))
	}
	return results, nil
}

// watch counts a function's instances until the function it returns is called.
func (p *platform) watch(ctx context.Context, name rouse.FunctionName) (highest func() int, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	most, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if fn, err := p.Function(ctx, name); err == nil {
				now := 0
				for _, n := range fn.Instances {
					now += n
				}
				most = max(most, now)
			}
			select {
			case <-time.After(2 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return func() int { return most }, func() { cancel(); <-ended }
}
