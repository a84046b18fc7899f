package sqsapi

import "github.com/rousehq/rouse"

type visibilityInput struct {
	ReceiptHandle     string
	VisibilityTimeout *int
}

type changeVisibilityInput struct {
	QueueURL string `json:"QueueUrl"`
	visibilityInput
}

func (a *api) changeVisibility(r *request, in *changeVisibilityInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return nil, a.extend(r, q, in.visibilityInput)
}

func (a *api) extend(r *request, q rouse.Queue, in visibilityInput) error {
	switch {
	case in.ReceiptHandle == "":
		return missing("ReceiptHandle")
	case in.VisibilityTimeout == nil:
		return missing("VisibilityTimeout")
	}
	hidden, err := within("VisibilityTimeout", in.VisibilityTimeout, 0, 0, maxHidden)
	if err != nil {
		return err
	}
	err = a.Leases.Extend(r.ctx, q.Name, in.ReceiptHandle, seconds(hidden))
	if err == nil {
		return nil
	}
	switch rouse.CodeOf(err) {
	case rouse.Invalid:
		return fail("ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", clip(in.ReceiptHandle))
	case rouse.Conflict:
		return expired(in.ReceiptHandle)
	case rouse.NotFound:
		return fail("MessageNotInflight", "Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", clip(in.ReceiptHandle))
	case rouse.TooLarge:
		return invalid("Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [%d seconds]", hidden, maxHidden)
	}
	return err
}

type changeVisibilityBatchInput struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []visibilityEntry
}

type visibilityEntry struct {
	ID string `json:"Id"`
	visibilityInput
}

func (a *api) changeVisibilityBatch(r *request, in *changeVisibilityBatchInput) (any, error) {
	q, err := batch(a, in.QueueURL, in.Entries, func(e visibilityEntry) string { return e.ID })
	if err != nil {
		return nil, err
	}
	out := batchOutput[entryOutput]{Successful: []entryOutput{}}
	for _, e := range in.Entries {
		if err := a.extend(r, q, e.visibilityInput); err != nil {
			out.Failed = append(out.Failed, failedWith(e.ID, err))
			continue
		}
		out.Successful = append(out.Successful, entryOutput{e.ID})
	}
	return out, nil
}
