package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
	trigger "github.com/rousehq/rouse/controller/trigger/queue"
	"github.com/rousehq/rouse/controller/trigger/queue/remote"
	"github.com/rousehq/rouse/gateway/lambdaapi"
)

var _ lambdaapi.Mappings = (*trigger.Mappings)(nil)

// openMappings goes on with having functions called with the messages of queues.
func (p *platform) openMappings(ctx context.Context) error {
	var err error
	p.mappings, err = trigger.Open(ctx, trigger.Config{
		Space: p.events, Source: p.source, Invoker: queueInvoker{p.runner()}, MaxEvent: p.config.MaxEvent, Log: p.log,
	})
	return err
}

// source finds the queue that a mapping names.
func (p *platform) source(text string) (trigger.Source, error) {
	place := p.config.place()
	name, ok := strings.CutPrefix(text, place.QueueARN(""))
	if !ok && (strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")) {
		return remote.New(text, place.Region, os.Getenv), nil
	}
	if !ok {
		return nil, rouse.Errorf(rouse.Invalid, "%s: not a queue in region %s and account %s", text, place.Region, place.Account)
	}
	return ownQueue{p.queues, name, place}, nil
}

// ownQueue is one of Rouse's queues as triggers want it.
type ownQueue struct {
	all   queues
	name  string
	place rouse.Place
}

var _ trigger.Source = ownQueue{}

func (q ownQueue) Describe(context.Context) (trigger.Description, error) {
	now, err := q.all.Queue(q.name)
	if err != nil {
		return trigger.Description{}, rouse.Errorf(rouse.NotFound, "The specified queue does not exist.")
	}
	return trigger.Description{
		ARN: q.place.QueueARN(q.name), Region: q.place.Region, FIFO: now.Definition.FIFO, Visibility: now.Definition.Visibility.D(),
	}, nil
}

func (q ownQueue) Receive(ctx context.Context, most int, extra, wait time.Duration) ([]trigger.Message, error) {
	now, err := q.all.Queue(q.name)
	if err != nil {
		return nil, err
	}
	got, err := q.all.Receive(ctx, q.name, most, now.Definition.Visibility.D()+extra, wait)
	if err != nil {
		return nil, err
	}
	ms := make([]trigger.Message, len(got))
	for i, m := range got {
		ms[i] = trigger.Message{
			ID: m.ID, Receipt: m.Receipt, Body: string(m.Body), Group: m.Group,
			System: m.System(q.place), Attributes: m.Extras().Attributes,
		}
	}
	return ms, nil
}

func (q ownQueue) Delete(ctx context.Context, receipts []string) error {
	for some := range slices.Chunk(receipts, 500) {
		if _, err := q.all.Delete(ctx, q.name, some); err != nil {
			return err
		}
	}
	return nil
}

func (q ownQueue) Return(ctx context.Context, receipts []string) error {
	return q.all.Return(ctx, q.name, receipts)
}

// queueInvoker calls functions with messages as jobs are run: on the same
// instances, with the same patience.
type queueInvoker struct{ jobs *invoker }

var _ trigger.Invoker = queueInvoker{}

func (i queueInvoker) Invoke(ctx context.Context, ref rouse.Ref, payload []byte) (answer []byte, ok bool, err error) {
	out, err := i.jobs.Invoke(ctx, async.Attempt{ID: uuid.NewString(), Request: &rouse.JobRequest{Ref: ref, Payload: payload, Source: "queue"}})
	if err != nil {
		return nil, false, err
	}
	return out.Payload, out.Failure == nil, nil
}

func (i queueInvoker) Capacity(fn rouse.FunctionName) (most int, longest time.Duration) {
	c := i.jobs.Capacity(fn)
	if c.Zero {
		return 0, c.Longest
	}
	return max(c.Most, 1), c.Longest
}
