package sqsapi

import (
	"strings"

	"github.com/rousehq/rouse"
)

type createQueueInput struct {
	QueueName  string
	Attributes map[string]string
	Tags       map[string]string `json:"tags"`
}

type urlOutput struct {
	QueueURL string `json:"QueueUrl"`
}

// createQueue is idempotent: the same name with attributes that do not
// contradict those of the queue is the same queue.
func (a *api) createQueue(r *request, in *createQueueInput) (any, error) {
	fifo := strings.HasSuffix(in.QueueName, ".fifo")
	switch {
	case in.QueueName == "":
		return nil, missing("QueueName")
	case in.Attributes["FifoQueue"] == "true" && !(fifo && validName(in.QueueName)):
		return nil, invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	case !validName(in.QueueName) || fifo && in.Attributes["FifoQueue"] != "true":
		return nil, invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	d := defaults()
	d.FIFO, d.Tags = fifo, in.Tags
	if err := a.apply(in.QueueName, &d, in.Attributes); err != nil {
		return nil, err
	}
	err := a.Writer.CreateQueue(r.ctx, in.QueueName, d)
	if rouse.CodeOf(err) == rouse.Conflict && err != nil {
		err = a.same(rouse.Queue{Name: in.QueueName, Definition: d}, in.Attributes)
	}
	if err != nil {
		return nil, err
	}
	return urlOutput{a.url(r, in.QueueName)}, nil
}

// same is an error when a queue has other values than those that were given.
func (a *api) same(wanted rouse.Queue, given map[string]string) error {
	q, err := a.named(wanted.Name)
	if err != nil {
		return err
	}
	is, want := extraOf(q.Definition), extraOf(wanted.Definition)
	for _, key := range sorted(given) {
		get := attributes[key].get
		if get != nil && get(a, q, is) != get(a, wanted, want) {
			return fail("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", key)
		}
	}
	return nil
}
