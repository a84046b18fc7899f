package sqsapi

import (
	"time"

	"github.com/rousehq/rouse"
)

type sendMessageBatchInput struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []sendEntry
}

type sendEntry struct {
	ID string `json:"Id"`
	messageInput
}

type sentEntry struct {
	ID string `json:"Id"`
	sendMessageOutput
}

func (a *api) sendMessageBatch(r *request, in *sendMessageBatchInput) (any, error) {
	q, err := batch(a, in.QueueURL, in.Entries, func(e sendEntry) string { return e.ID })
	if err != nil {
		return nil, err
	}
	out := batchOutput[sentEntry]{Successful: []sentEntry{}}
	most := extraOf(q.Definition).maxSize()
	// Those that wait equally long are one transaction; of a FIFO queue that is all.
	var good []outgoing
	var goodIDs []string
	byDelay := map[time.Duration][]*rouse.Message{}
	total := 0
	for _, e := range in.Entries {
		o, err := e.outgoing(q)
		total += o.size
		if err == nil && o.size > most {
			err = invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", most)
		}
		if err != nil {
			out.Failed = append(out.Failed, failedWith(e.ID, err))
			continue
		}
		good, goodIDs = append(good, o), append(goodIDs, e.ID)
		byDelay[o.delay] = append(byDelay[o.delay], o.message)
	}
	if total > maxMessage {
		return nil, fail("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, total)
	}
	failed := map[time.Duration]error{}
	for delay, ms := range byDelay {
		failed[delay] = a.Messages.Send(r.ctx, q.Name, delay, ms...)
	}
	for i := range good {
		if err := failed[good[i].delay]; err != nil {
			out.Failed = append(out.Failed, failedWith(goodIDs[i], err))
			continue
		}
		out.Successful = append(out.Successful, sentEntry{goodIDs[i], good[i].sent(q)})
	}
	return out, nil
}
