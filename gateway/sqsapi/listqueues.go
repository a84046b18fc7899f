package sqsapi

import (
	"encoding/base64"
	"slices"

	"github.com/rousehq/rouse"
)

const maxPage = 1000

type listQueuesInput struct {
	QueueNamePrefix string
	pageInput
}

type pageInput struct {
	NextToken  string
	MaxResults *int
}

type listQueuesOutput struct {
	QueueURLs []string `json:"QueueUrls,omitempty"`
	NextToken string   `json:",omitempty"`
}

func (a *api) listQueues(r *request, in *listQueuesInput) (any, error) {
	urls, next, err := a.page(r, a.visible(in.QueueNamePrefix), in.pageInput)
	if err != nil {
		return nil, err
	}
	return listQueuesOutput{urls, next}, nil
}

// page is a part of some queues, in the order of their names, that begins where
// the token says. Without MaxResults it is the first thousand and no token.
func (a *api) page(r *request, qs []rouse.Queue, in pageInput) (urls []string, next string, err error) {
	most := maxPage
	if in.MaxResults != nil {
		if most = *in.MaxResults; most < 1 || most > maxPage {
			return nil, "", invalid("Value %d for parameter MaxResults is invalid. Reason: Must be between 1 and %d, if provided.", most, maxPage)
		}
	}
	if in.NextToken != "" {
		last, err := base64.RawURLEncoding.DecodeString(in.NextToken)
		if err != nil || !validName(string(last)) {
			return nil, "", invalid("Invalid or expired next token.")
		}
		qs = slices.DeleteFunc(qs, func(q rouse.Queue) bool { return q.Name <= string(last) })
	}
	if len(qs) > most {
		qs = qs[:most]
		if in.MaxResults != nil {
			next = base64.RawURLEncoding.EncodeToString([]byte(qs[most-1].Name))
		}
	}
	for _, q := range qs {
		urls = append(urls, a.url(r, q.Name))
	}
	return urls, next, nil
}
