package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// longPoll is how long a receive waits when there is nothing.
	longPoll = 20 * time.Second
	// firstPause and mostPause are the waits after what went wrong, doubling.
	firstPause = time.Second
	mostPause  = time.Minute
)

// poller handles the messages of one mapping while it is enabled.
type poller struct {
	m       rouse.Mapping
	source  Source
	invoker Invoker
	filters filters
	// report is told how the last call went, in AWS's words.
	report  func(result string)
	event   int             // bytes that an event may have
	running context.Context // of calls: it outlives the polling
	log     *slog.Logger

	calls sync.WaitGroup
	ended chan struct{} // has a token when a call has ended

	mu    sync.Mutex
	busy  int   // guarded by mu; calls
	scale scale // guarded by mu
}

// run polls until ctx ends, and then until the calls that run have ended.
func (p *poller) run(ctx context.Context) {
	defer p.calls.Wait()
	pause := firstPause
	for ctx.Err() == nil {
		if !p.room(ctx) {
			return
		}
		batch, d, err := p.gather(ctx)
		switch {
		case ctx.Err() != nil:
			p.giveBack(batch)
			return
		case err != nil:
			p.giveBack(batch)
			p.report("PROBLEM: " + problem(err))
			p.log.Warn("polling a queue", "mapping", p.m.ID, "source", p.m.Source, "error", err)
			sleep(ctx, pause)
			pause = min(2*pause, mostPause)
			continue
		}
		pause = firstPause
		if len(batch) == 0 {
			continue
		}
		p.begin(ctx, batch, d)
	}
}

func problem(err error) string {
	var e *rouse.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "the queue could not be polled"
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// room waits until one more call may run. It is false when ctx ends first.
func (p *poller) room(ctx context.Context) bool {
	for ctx.Err() == nil {
		bound, _ := p.invoker.Capacity(p.m.Ref.Name)
		if p.m.MaxConcurrency > 0 {
			bound = min(bound, p.m.MaxConcurrency)
		}
		p.mu.Lock()
		p.scale = p.scale.step(time.Now(), p.busy, true, bound)
		free := p.busy < p.scale.limit
		p.mu.Unlock()
		if free {
			return true
		}
		timer := time.NewTimer(scaleEvery)
		select {
		case <-p.ended:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return false
}

// gather is a batch: it waits for a first message, and then, for as long as the
// window says, for as many as a batch may have. Messages that no filter wants are
// deleted.
func (p *poller) gather(ctx context.Context) (batch []Message, d Description, err error) {
	if d, err = p.source.Describe(ctx); err != nil {
		return nil, d, err
	}
	window := p.m.Window.D()
	wait, until := longPoll, time.Time{}
	for size := 0; ; {
		got, err := p.source.Receive(ctx, p.m.BatchSize-len(batch), window, wait)
		if err != nil {
			return batch, d, err
		}
		wanted := p.sift(ctx, got)
		batch = append(batch, wanted...)
		for _, m := range wanted {
			size += len(m.Body)
		}
		if len(batch) > 0 && until.IsZero() {
			until = time.Now().Add(window)
		}
		wait = time.Until(until)
		switch {
		case len(batch) == 0, len(batch) >= p.m.BatchSize, size >= p.event, wait <= 0:
			return batch, d, nil
		case ctx.Err() != nil:
			return batch, d, ctx.Err()
		}
		wait = min(wait, longPoll)
	}
}

// sift deletes the messages that no filter wants and returns the others.
func (p *poller) sift(ctx context.Context, got []Message) []Message {
	if len(p.filters) == 0 {
		return got
	}
	var wanted, rejected []Message
	for _, m := range got {
		if p.filters.want(m.Body) {
			wanted = append(wanted, m)
		} else {
			rejected = append(rejected, m)
		}
	}
	if err := p.source.Delete(ctx, receipts(rejected)); err != nil {
		p.log.Warn("deleting messages that no filter wants", "mapping", p.m.ID, "error", err)
	}
	return wanted
}

func receipts(ms []Message) []string {
	list := make([]string, len(ms))
	for i, m := range ms {
		list[i] = m.Receipt
	}
	return list
}

func (p *poller) giveBack(batch []Message) {
	if len(batch) == 0 {
		return
	}
	if err := p.source.Return(context.WithoutCancel(p.running), receipts(batch)); err != nil {
		p.log.Warn("returning messages to their queue", "mapping", p.m.ID, "error", err)
	}
}

// begin handles a batch on a goroutine of its own.
func (p *poller) begin(ctx context.Context, batch []Message, d Description) {
	p.mu.Lock()
	p.busy++
	p.mu.Unlock()
	p.calls.Go(func() {
		p.handle(ctx, batch, d)
		p.mu.Lock()
		p.busy--
		p.mu.Unlock()
		select {
		case p.ended <- struct{}{}:
		default:
		}
	})
}
