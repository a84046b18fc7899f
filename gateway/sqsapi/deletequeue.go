package sqsapi

type queueInput struct {
	QueueURL string `json:"QueueUrl"`
}

func (a *api) deleteQueue(r *request, in *queueInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return nil, a.Writer.DeleteQueue(r.ctx, q.Name)
}
