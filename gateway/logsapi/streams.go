package logsapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rousehq/rouse/gateway"
)

type described struct {
	Name    string `json:"logStreamName"`
	Created int64  `json:"creationTime"`
	First   int64  `json:"firstEventTimestamp"`
	Last    int64  `json:"lastEventTimestamp"`
	Arrived int64  `json:"lastIngestionTime"`
	ARN     string `json:"arn"`
}

// describeLogStreams lists the instances that have printed something.
func (a *api) describeLogStreams(c *gateway.Call, in *struct {
	group
	LogStreamNamePrefix string `json:"logStreamNamePrefix"`
	OrderBy             string `json:"orderBy"`
	Descending          bool   `json:"descending"`
	NextToken           string `json:"nextToken"`
	Limit               int    `json:"limit"`
}) (any, error) {
	fn, err := a.function(in.group)
	if err != nil {
		return nil, err
	}
	limit, err := within(in.Limit, maxDescribed)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == "LastEventTime"
	switch {
	case !byTime && in.OrderBy != "" && in.OrderBy != "LogStreamName":
		return nil, invalid("1 validation error detected: Value '%s' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]", in.OrderBy)
	case byTime && in.LogStreamNamePrefix != "":
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	all := []described{}
	for e, err := range a.events(c.Request.Context(), fn.Name, 0, "") {
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(d described) bool { return d.Name == e.Stream })
		if i < 0 {
			i = len(all)
			all = append(all, described{Name: e.Stream, Created: e.At, First: e.At, ARN: a.arn(a.groupOf(fn)) + ":log-stream:" + e.Stream})
		}
		all[i].Last, all[i].Arrived = e.At, e.At
	}
	all = slices.DeleteFunc(all, func(d described) bool { return !strings.HasPrefix(d.Name, in.LogStreamNamePrefix) })
	slices.SortFunc(all, func(x, y described) int {
		order := strings.Compare(x.Name, y.Name)
		if byTime {
			order = cmp.Or(cmp.Compare(x.Last, y.Last), order)
		}
		if in.Descending {
			return -order
		}
		return order
	})
	part, next, err := page(all, func(d described) string { return d.Name }, in.NextToken, limit)
	return struct {
		Streams []described `json:"logStreams"`
		Next    string      `json:"nextToken,omitempty"`
	}{part, next}, err
}
