package sqsapi

import "github.com/rousehq/rouse"

type setQueueAttributesInput struct {
	QueueURL   string `json:"QueueUrl"`
	Attributes map[string]string
}

func (a *api) setQueueAttributes(r *request, in *setQueueAttributesInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(in.Attributes) == 0 {
		return nil, missing("Attribute.Name")
	}
	return nil, a.Writer.ChangeQueue(r.ctx, q.Name, func(d *rouse.QueueDefinition) error {
		return a.apply(q.Name, d, in.Attributes)
	})
}
