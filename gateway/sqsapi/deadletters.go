package sqsapi

import "github.com/rousehq/rouse"

type listDeadLetterSourcesInput struct {
	QueueURL string `json:"QueueUrl"`
	pageInput
}

type listDeadLetterSourcesOutput struct {
	QueueURLs []string `json:"queueUrls"`
	NextToken string   `json:",omitempty"`
}

func (a *api) listDeadLetterSources(r *request, in *listDeadLetterSourcesInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	urls, next, err := a.page(r, a.sources(q.Name), in.pageInput)
	if err != nil {
		return nil, err
	}
	if urls == nil {
		urls = []string{}
	}
	return listDeadLetterSourcesOutput{urls, next}, nil
}

// sources are the queues whose dead letters go to one.
func (a *api) sources(dead string) []rouse.Queue {
	var found []rouse.Queue
	for _, q := range a.visible("") {
		if q.Definition.DeadLetters == dead {
			found = append(found, q)
		}
	}
	return found
}
