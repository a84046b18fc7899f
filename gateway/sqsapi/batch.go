package sqsapi

import (
	"regexp"

	"github.com/rousehq/rouse"
)

var batchID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)

const maxBatch = 10

// failedEntry is what a batch's answer says of an entry that failed; the others count.
type failedEntry struct {
	ID          string `json:"Id"`
	SenderFault bool
	Code        string
	Message     string
}

func failedWith(id string, err error) failedEntry {
	e := translate(err)
	return failedEntry{id, e.fault() == "Sender", e.queryCode(), e.message}
}

// batch finds the queue of a batch and checks the ids of its entries.
func batch[T any](a *api, url string, entries []T, id func(T) string) (rouse.Queue, error) {
	q, err := a.queue(url)
	if err != nil {
		return q, err
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = id(e)
	}
	return q, checkBatch(ids)
}

// checkBatch checks the ids of a batch's entries.
func checkBatch(ids []string) error {
	switch {
	case len(ids) == 0:
		return fail("EmptyBatchRequest", "There should be at least one entry in the request.")
	case len(ids) > maxBatch:
		return fail("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !batchID.MatchString(id) {
			return fail("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[id] {
			return fail("BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}

// batchOutput is the answer to every batch.
type batchOutput[T any] struct {
	Successful []T
	Failed     []failedEntry `json:",omitempty"`
}

type entryOutput struct {
	ID string `json:"Id"`
}
