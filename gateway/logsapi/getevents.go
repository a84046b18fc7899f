package logsapi

import (
	"strings"

	"github.com/rousehq/rouse/gateway"
)

type shown struct {
	At       int64  `json:"timestamp"`
	Message  string `json:"message"`
	Ingested int64  `json:"ingestionTime"`
}

// The tokens of GetLogEvents name an event, and which way to go from it.
const forward, backward = "f/", "b/"

// getLogEvents answers with a page of one stream: the first, the last, or what
// stands before or after another page.
func (a *api) getLogEvents(c *gateway.Call, in *struct {
	group
	span
	LogStreamName string `json:"logStreamName"`
	NextToken     string `json:"nextToken"`
	StartFromHead bool   `json:"startFromHead"`
	Limit         int    `json:"limit"`
}) (any, error) {
	fn, err := a.function(in.group)
	if err != nil {
		return nil, err
	}
	limit, err := within(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	start, end, err := in.ends()
	if err != nil {
		return nil, err
	}
	onward, back := strings.HasPrefix(in.NextToken, forward), strings.HasPrefix(in.NextToken, backward)
	at := position(in.NextToken)
	if in.NextToken != "" && !onward && !back {
		return nil, invalid("The specified nextToken is invalid.")
	}
	w := window{limit: limit, head: onward || in.NextToken == "" && in.StartFromHead}
	exists, reached := false, at == "" // the event that the token names
	for e, err := range a.events(c.Request.Context(), fn.Name, 0, "") {
		switch {
		case err != nil:
			return nil, err
		case e.Stream != in.LogStreamName:
			continue
		}
		exists = true
		if !reached {
			reached = e.ID == at
			if reached && back {
				break
			}
			if onward {
				continue
			}
		}
		if e.At >= start && e.At < end && !w.add(e) {
			break
		}
	}
	if !exists {
		return nil, missing("stream")
	}
	if !reached {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return w.answer(in.NextToken), nil
}

// window keeps the first or the last events of what passes.
type window struct {
	limit, size int
	head        bool
	events      []event
}

// add says whether more may come.
func (w *window) add(e event) bool {
	w.size += len(e.Message) + eventSize
	over := func() bool { return len(w.events) > w.limit || w.size > maxPage && len(w.events) > 1 }
	w.events = append(w.events, e)
	if w.head && over() {
		w.events = w.events[:len(w.events)-1]
		return false
	}
	for over() {
		w.size -= len(w.events[0].Message) + eventSize
		w.events = w.events[1:]
	}
	return true
}

// answer names where to go on. At an end the token is the one that led there.
func (w *window) answer(token string) any {
	next := struct {
		Events   []shown `json:"events"`
		Forward  string  `json:"nextForwardToken"`
		Backward string  `json:"nextBackwardToken"`
	}{[]shown{}, forward + position(token), backward + position(token)}
	for _, e := range w.events {
		next.Events = append(next.Events, shown{e.At, e.Message, e.At})
	}
	if n := len(w.events); n > 0 {
		next.Forward, next.Backward = forward+w.events[n-1].ID, backward+w.events[0].ID
	}
	return next
}

// position is the event that a token names.
func position(token string) string {
	return strings.TrimPrefix(strings.TrimPrefix(token, forward), backward)
}
