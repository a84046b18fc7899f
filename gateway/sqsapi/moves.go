package sqsapi

import (
	"encoding/base64"

	"github.com/rousehq/rouse"
)

const (
	maxRate      = 500
	mostTasks    = 10
	usualTasks   = 1
	noSuchSource = "The resource that you specified for the SourceArn parameter doesn't exist."
)

type startMoveInput struct {
	SourceArn                    string
	DestinationArn               string
	MaxNumberOfMessagesPerSecond *int
}

type taskOutput struct {
	TaskHandle string
}

func notThere(message string) error { return fail("ResourceNotFoundException", "%s", message) }

func (a *api) startMove(r *request, in *startMoveInput) (any, error) {
	if in.SourceArn == "" {
		return nil, missing("SourceArn")
	}
	from, ok := a.queueOfARN(in.SourceArn)
	if !ok {
		return nil, notThere(noSuchSource)
	}
	if len(a.sources(from.Name)) == 0 {
		return nil, invalid("Source queue must be configured as a Dead Letter Queue.")
	}
	to := ""
	if in.DestinationArn != "" {
		target, ok := a.queueOfARN(in.DestinationArn)
		switch {
		case !ok:
			return nil, notThere("The resource that you specified for the DestinationArn parameter doesn't exist.")
		case target.Definition.FIFO != from.Definition.FIFO:
			return nil, invalid("Source queue and destination queue must be of the same type.")
		case target.Name == from.Name:
			return nil, invalid("Source queue and destination queue must not be the same.")
		}
		to = target.Name
	}
	rate, err := within("MaxNumberOfMessagesPerSecond", in.MaxNumberOfMessagesPerSecond, 0, 1, maxRate)
	if err != nil {
		return nil, err
	}
	m, err := a.Moves.StartMove(r.ctx, from.Name, to, rate)
	if rouse.CodeOf(err) == rouse.Conflict && err != nil {
		return nil, fail("UnsupportedOperation", "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	}
	if err != nil {
		return nil, err
	}
	return taskOutput{handleOf(m)}, nil
}

// handleOf is a task's handle as clients see it.
func handleOf(m rouse.MessageMove) string { return base64.StdEncoding.EncodeToString([]byte(m.Handle)) }

type cancelMoveInput struct{ TaskHandle string }

type cancelMoveOutput struct {
	ApproximateNumberOfMessagesMoved int
}

func (a *api) cancelMove(r *request, in *cancelMoveInput) (any, error) {
	if in.TaskHandle == "" {
		return nil, missing("TaskHandle")
	}
	handle, err := base64.StdEncoding.DecodeString(in.TaskHandle)
	if err != nil {
		return nil, invalid("Value for parameter TaskHandle is invalid.")
	}
	m, err := a.Moves.CancelMove(r.ctx, string(handle))
	if rouse.CodeOf(err) == rouse.NotFound && err != nil {
		return nil, notThere("Task does not exist, or does not run.")
	}
	if err != nil {
		return nil, err
	}
	return cancelMoveOutput{m.Moved}, nil
}

type listMovesInput struct {
	SourceArn  string
	MaxResults *int
}

type moveOutput struct {
	TaskHandle                        string `json:",omitempty"`
	Status                            rouse.MoveState
	SourceArn                         string
	DestinationArn                    string `json:",omitempty"`
	MaxNumberOfMessagesPerSecond      int    `json:",omitempty"`
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64
}

type listMovesOutput struct {
	Results []moveOutput
}

func (a *api) listMoves(_ *request, in *listMovesInput) (any, error) {
	from, ok := a.queueOfARN(in.SourceArn)
	if !ok {
		return nil, notThere(noSuchSource)
	}
	most, err := within("MaxResults", in.MaxResults, usualTasks, 1, mostTasks)
	if err != nil {
		return nil, err
	}
	out := listMovesOutput{Results: []moveOutput{}}
	for _, m := range a.Moves.ListMoves(from.Name) {
		if len(out.Results) == most {
			break
		}
		one := moveOutput{
			Status: m.State, SourceArn: in.SourceArn, MaxNumberOfMessagesPerSecond: m.Rate, ApproximateNumberOfMessagesMoved: m.Moved,
			ApproximateNumberOfMessagesToMove: m.Total, FailureReason: m.Failure, StartedTimestamp: m.Started.UnixMilli(),
		}
		if m.To != "" {
			one.DestinationArn = a.Place.QueueARN(m.To)
		}
		if m.State == rouse.MoveRunning {
			one.TaskHandle = handleOf(m)
		}
		out.Results = append(out.Results, one)
	}
	return out, nil
}
