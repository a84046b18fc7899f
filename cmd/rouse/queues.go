package main

import (
	"context"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
	"github.com/rousehq/rouse/gateway/sqsapi"
)

// queues is the engine's queues by their names, as SQS's API wants them.
type queues struct {
	all   *queue.Queues
	moves *queue.Moves
}

var (
	_ sqsapi.Reader   = queues{}
	_ sqsapi.Writer   = queues{}
	_ sqsapi.Messages = queues{}
	_ sqsapi.Leases   = queues{}
	_ sqsapi.Moves    = queues{}
)

func asQueue(q *queue.Queue) rouse.Queue {
	return rouse.Queue{Name: q.Name(), Definition: q.Definition(), Counts: q.Counts()}
}

func (s queues) Queue(name string) (rouse.Queue, error) {
	q, err := s.all.Queue(name)
	if err != nil {
		return rouse.Queue{}, err
	}
	return asQueue(q), nil
}

func (s queues) Queues(prefix string) []rouse.Queue {
	var list []rouse.Queue
	for _, q := range s.all.All(prefix) {
		list = append(list, asQueue(q))
	}
	return list
}

func (s queues) CreateQueue(ctx context.Context, name string, d rouse.QueueDefinition) error {
	_, err := s.all.Create(ctx, name, d)
	return err
}

func (s queues) ChangeQueue(ctx context.Context, name string, edit func(*rouse.QueueDefinition) error) error {
	q, err := s.all.Queue(name)
	if err != nil {
		return err
	}
	return s.all.Change(ctx, q, edit)
}

func (s queues) DeleteQueue(ctx context.Context, name string) error {
	q, err := s.all.Queue(name)
	if err != nil {
		return err
	}
	return s.all.Delete(ctx, q)
}

func (s queues) PurgeQueue(ctx context.Context, name string) error {
	q, err := s.all.Queue(name)
	if err != nil {
		return err
	}
	_, err = s.all.Purge(ctx, q)
	return err
}

func (s queues) Send(ctx context.Context, name string, delay time.Duration, ms ...*rouse.Message) error {
	q, err := s.all.Queue(name)
	if err != nil {
		return err
	}
	return s.all.Send(ctx, q, delay, ms...)
}

func (s queues) Receive(ctx context.Context, name string, most int, visibility, wait time.Duration) ([]*rouse.Message, error) {
	q, err := s.all.Queue(name)
	if err != nil {
		return nil, err
	}
	return s.all.Receive(ctx, q, most, visibility, wait)
}

func (s queues) Delete(ctx context.Context, name string, receipts []string) ([]error, error) {
	q, err := s.all.Queue(name)
	if err != nil {
		return nil, err
	}
	return s.all.DeleteMessages(ctx, q, receipts)
}

func (s queues) Extend(ctx context.Context, name, receipt string, visibility time.Duration) error {
	q, err := s.all.Queue(name)
	if err != nil {
		return err
	}
	return s.all.ChangeVisibility(ctx, q, receipt, visibility)
}

func (s queues) Return(ctx context.Context, name string, receipts []string) error {
	q, err := s.all.Queue(name)
	if err != nil {
		return err
	}
	return s.all.ReturnMessages(ctx, q, receipts, 0)
}

func (s queues) Redeliver(ctx context.Context, name string, receipts []string, visibility time.Duration) ([]*rouse.Message, bool, error) {
	q, err := s.all.Queue(name)
	if err != nil {
		return nil, false, err
	}
	return s.all.Redeliver(ctx, q, receipts, visibility)
}

func (s queues) StartMove(ctx context.Context, from, to string, rate int) (rouse.MessageMove, error) {
	return s.moves.Start(ctx, from, to, rate)
}

func (s queues) CancelMove(ctx context.Context, handle string) (rouse.MessageMove, error) {
	return s.moves.Cancel(ctx, handle)
}

func (s queues) ListMoves(from string) []rouse.MessageMove { return s.moves.List(from) }

// openQueues gives the queues of the jobs' engine to others.
func (p *platform) openQueues(ctx context.Context) error {
	moves, err := queue.OpenMoves(ctx, p.jobs.Queues(), p.log)
	if err != nil {
		return err
	}
	p.queues = queues{p.jobs.Queues(), moves}
	return nil
}
