package sqsapi

import (
	"maps"
	"unicode/utf8"

	"github.com/rousehq/rouse"
)

const (
	maxTags  = 50
	maxKey   = 128
	maxValue = 256
)

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Too many tags: at most %d are allowed.", maxTags)
	}
	for key, value := range tags {
		if n := utf8.RuneCountInString(key); n < 1 || n > maxKey || utf8.RuneCountInString(value) > maxValue {
			return invalid("Tag %q: a key has 1 to %d characters, a value at most %d.", clip(key), maxKey, maxValue)
		}
	}
	return nil
}

type tagQueueInput struct {
	QueueURL string `json:"QueueUrl"`
	Tags     map[string]string
}

func (a *api) tagQueue(r *request, in *tagQueueInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, missing("Tags")
	}
	return nil, a.Writer.ChangeQueue(r.ctx, q.Name, func(d *rouse.QueueDefinition) error {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		maps.Copy(d.Tags, in.Tags)
		return checkTags(d.Tags)
	})
}

type untagQueueInput struct {
	QueueURL string `json:"QueueUrl"`
	TagKeys  []string
}

func (a *api) untagQueue(r *request, in *untagQueueInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, missing("TagKeys")
	}
	return nil, a.Writer.ChangeQueue(r.ctx, q.Name, func(d *rouse.QueueDefinition) error {
		for _, key := range in.TagKeys {
			delete(d.Tags, key)
		}
		return nil
	})
}

type tagsOutput struct {
	Tags map[string]string `json:",omitempty"`
}

func (a *api) listQueueTags(_ *request, in *queueInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return tagsOutput{q.Definition.Tags}, nil
}
