package queue

import "encoding/json"

// succeeded are the messages of a call that are done. With ReportBatchItemFailures
// the answer names those that are not; an answer that makes no sense fails all,
// as on AWS. In a FIFO queue what follows a failed message in its group is not
// done either, or it would overtake it.
func succeeded(messages []Message, answer []byte, partial, fifo bool) []Message {
	if !partial {
		return messages
	}
	failed, ok := failures(messages, answer)
	if !ok {
		return nil
	}
	var done []Message
	stuck := map[string]bool{}
	for _, m := range messages {
		if failed[m.ID] {
			stuck[m.Group] = true
		}
		if !failed[m.ID] && !(fifo && stuck[m.Group]) {
			done = append(done, m)
		}
	}
	return done
}

// failures reads {"batchItemFailures":[{"itemIdentifier":"…"}]}. Nothing, null
// and an empty list are complete success.
func failures(messages []Message, answer []byte) (failed map[string]bool, ok bool) {
	var in *struct {
		BatchItemFailures []struct {
			ItemIdentifier *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(answer) == 0 {
		return nil, true
	}
	if err := json.Unmarshal(answer, &in); err != nil {
		return nil, false
	}
	if in == nil {
		return nil, true
	}
	known := map[string]bool{}
	for _, m := range messages {
		known[m.ID] = true
	}
	failed = map[string]bool{}
	for _, f := range in.BatchItemFailures {
		if f.ItemIdentifier == nil || !known[*f.ItemIdentifier] {
			return nil, false
		}
		failed[*f.ItemIdentifier] = true
	}
	return failed, true
}
