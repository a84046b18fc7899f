package sqsapi

type getQueueAttributesInput struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

type attributesOutput struct {
	Attributes map[string]string `json:",omitempty"`
}

func (a *api) getQueueAttributes(_ *request, in *getQueueAttributesInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	x := extraOf(q.Definition)
	values := map[string]string{}
	read := func(name string, attr attribute) {
		if attr.get == nil || attr.fifo && !q.Definition.FIFO {
			return
		}
		if v := attr.get(a, q, x); v != "" {
			values[name] = v
		}
	}
	for _, name := range in.AttributeNames {
		if name == "All" {
			for name, attr := range attributes {
				read(name, attr)
			}
			continue
		}
		attr, ok := attributes[name]
		if !ok {
			return nil, fail("InvalidAttributeName", "Unknown Attribute %s.", clip(name))
		}
		read(name, attr)
	}
	return attributesOutput{values}, nil
}
