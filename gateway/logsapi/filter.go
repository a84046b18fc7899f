package logsapi

import (
	"math"
	"slices"
	"strings"

	"github.com/rousehq/rouse/gateway"
)

const (
	// maxEvents is how many events one answer has at most, and maxPage about how
	// many bytes.
	maxEvents = 10000
	maxPage   = 1 << 20
	// eventSize is what CloudWatch counts for an event beside its message.
	eventSize = 26
)

// span is which moments a request wants, in milliseconds; both are optional.
type span struct {
	StartTime *int64 `json:"startTime"`
	EndTime   *int64 `json:"endTime"`
}

func (s span) ends() (start, end int64, err error) {
	end = math.MaxInt64
	if s.StartTime != nil {
		start = *s.StartTime
	}
	if s.EndTime != nil {
		end = *s.EndTime
	}
	if start < 0 || end < 0 {
		return 0, 0, invalid("startTime and endTime must not be negative")
	}
	return start, end, nil
}

type filtered struct {
	Stream   string `json:"logStreamName"`
	At       int64  `json:"timestamp"`
	Message  string `json:"message"`
	Ingested int64  `json:"ingestionTime"`
	ID       string `json:"eventId"`
}

// filterLogEvents answers with a page of the events of a group, in the order of
// their arrival.
func (a *api) filterLogEvents(c *gateway.Call, in *struct {
	group
	span
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	FilterPattern       string   `json:"filterPattern"`
	NextToken           string   `json:"nextToken"`
	Limit               int      `json:"limit"`
}) (any, error) {
	fn, err := a.function(in.group)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != "" {
		return nil, invalid("logStreamNames and logStreamNamePrefix cannot both be given")
	}
	limit, err := within(in.Limit, maxEvents)
	if err != nil {
		return nil, err
	}
	start, end, err := in.ends()
	if err != nil {
		return nil, err
	}
	wanted, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	found, size, next := []filtered{}, 0, ""
	skip := in.NextToken != ""
	for e, err := range a.events(c.Request.Context(), fn.Name, start, in.NextToken) {
		if err != nil {
			return nil, err
		}
		if skip {
			skip = e.ID != in.NextToken
			continue
		}
		if e.At > end || !strings.HasPrefix(e.Stream, in.LogStreamNamePrefix) || len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, e.Stream) || !wanted.matches(e.Message) {
			continue
		}
		if len(found) == limit || size > 0 && size+len(e.Message)+eventSize > maxPage {
			next = found[len(found)-1].ID
			break
		}
		size += len(e.Message) + eventSize
		found = append(found, filtered{e.Stream, e.At, e.Message, e.At, e.ID})
	}
	if skip {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return struct {
		Events   []filtered `json:"events"`
		Searched []struct{} `json:"searchedLogStreams"` // as on AWS since 2019, empty
		Next     string     `json:"nextToken,omitempty"`
	}{found, []struct{}{}, next}, nil
}
