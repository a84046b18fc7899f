package logsapi

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
)

// event is a line as a log event. Its ID says when it came, and as which of that
// moment, so it is the same whenever it is read.
type event struct {
	ID      string
	At      int64 // milliseconds
	Stream  string
	Message string
}

// idDigits are as many as CloudWatch's own have; the first are the moment.
const (
	momentDigits = 20
	idDigits     = 56
)

// events yields a function's log from start on, in milliseconds, or from the event that token names.
func (a *api) events(ctx context.Context, fn rouse.FunctionName, start int64, token string) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		since := time.UnixMilli(start)
		if token != "" {
			moment, err := momentOf(token)
			if err != nil {
				yield(event{}, err)
				return
			}
			since = moment
		}
		streams := map[rouse.InstanceID]string{}
		var last time.Time
		nth := 0
		for line, err := range a.Logs.Lines(ctx, fn, since) {
			if err != nil {
				yield(event{}, err)
				return
			}
			if nth++; !line.Time.Equal(last) {
				last, nth = line.Time, 0
			}
			stream, ok := streams[line.Instance]
			if !ok {
				stream = a.stream(line)
				streams[line.Instance] = stream
			}
			e := event{
				ID: fmt.Sprintf("%0*d%0*d", momentDigits, line.Time.UnixNano(), idDigits-momentDigits, nth),
				At: line.Time.UnixMilli(), Stream: stream, Message: line.Text + "\n",
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// stream names the log stream of a line. A revision that is gone has the day of
// its first line that is left.
func (a *api) stream(line Line) string {
	if rev, err := a.Catalog.Revision(line.Revision); err == nil {
		return rev.LogStream(string(line.Instance))
	}
	gone := rouse.Revision{ID: line.Revision, Created: line.Time}
	return gone.LogStream(string(line.Instance))
}

func momentOf(id string) (time.Time, error) {
	if len(id) == idDigits {
		if n, err := strconv.ParseInt(id[:momentDigits], 10, 64); err == nil {
			return time.Unix(0, n), nil
		}
	}
	return time.Time{}, invalid("The specified nextToken is invalid.")
}
