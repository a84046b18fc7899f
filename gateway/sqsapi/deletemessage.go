package sqsapi

import "github.com/rousehq/rouse"

type deleteMessageInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string
}

func (a *api) deleteMessage(r *request, in *deleteMessageInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if in.ReceiptHandle == "" {
		return nil, missing("ReceiptHandle")
	}
	errs, err := a.Messages.Delete(r.ctx, q.Name, []string{in.ReceiptHandle})
	if err != nil {
		return nil, err
	}
	return nil, deleted(q, errs[0], in.ReceiptHandle)
}

// deleted gives what became of a deletion SQS's form: with an outdated receipt a
// standard queue deletes nothing and says nothing.
func deleted(q rouse.Queue, err error, receipt string) error {
	switch {
	case err == nil:
		return nil
	case rouse.CodeOf(err) == rouse.Invalid:
		return fail("ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", clip(receipt))
	case rouse.CodeOf(err) == rouse.Conflict && !q.Definition.FIFO:
		return nil
	case rouse.CodeOf(err) == rouse.Conflict:
		return expired(receipt)
	}
	return err
}

func expired(receipt string) error {
	return invalid("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", clip(receipt))
}

type deleteMessageBatchInput struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []deleteEntry
}

type deleteEntry struct {
	ID            string `json:"Id"`
	ReceiptHandle string
}

func (a *api) deleteMessageBatch(r *request, in *deleteMessageBatchInput) (any, error) {
	q, err := batch(a, in.QueueURL, in.Entries, func(e deleteEntry) string { return e.ID })
	if err != nil {
		return nil, err
	}
	receipts := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		receipts[i] = e.ReceiptHandle
	}
	errs, err := a.Messages.Delete(r.ctx, q.Name, receipts)
	if err != nil {
		return nil, err
	}
	out := batchOutput[entryOutput]{Successful: []entryOutput{}}
	for i, err := range errs {
		if err = deleted(q, err, receipts[i]); err != nil {
			out.Failed = append(out.Failed, failedWith(in.Entries[i].ID, err))
			continue
		}
		out.Successful = append(out.Successful, entryOutput{in.Entries[i].ID})
	}
	return out, nil
}
