package sqsapi

type getQueueURLInput struct {
	QueueName              string
	QueueOwnerAWSAccountID string `json:"QueueOwnerAWSAccountId"`
}

func (a *api) getQueueURL(r *request, in *getQueueURLInput) (any, error) {
	if in.QueueName == "" {
		return nil, missing("QueueName")
	}
	if in.QueueOwnerAWSAccountID != "" && in.QueueOwnerAWSAccountID != a.Place.Account || !validName(in.QueueName) {
		return nil, noQueue()
	}
	q, err := a.named(in.QueueName)
	if err != nil {
		return nil, err
	}
	return urlOutput{a.url(r, q.Name)}, nil
}
