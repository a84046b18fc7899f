package sqsapi

import (
	"time"

	"github.com/rousehq/rouse"
)

// purgeEvery is how seldom SQS lets a queue be purged.
const purgeEvery = time.Minute

func (a *api) purgeQueue(r *request, in *queueInput) (any, error) {
	q, err := a.queue(in.QueueURL)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	err = a.Writer.ChangeQueue(r.ctx, q.Name, func(d *rouse.QueueDefinition) error {
		x := extraOf(*d)
		if since := now.Sub(x.Purged); since >= 0 && since < purgeEvery {
			return fail("PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.", q.Name)
		}
		x.Purged = now
		x.put(d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return nil, a.Writer.PurgeQueue(r.ctx, q.Name)
}
