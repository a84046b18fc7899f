package logsapi

import (
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// group says which log group a request is about.
type group struct {
	LogGroupName       string `json:"logGroupName"`
	LogGroupIdentifier string `json:"logGroupIdentifier"` // the name, or an ARN
}

// function is whose log group it is, or errElsewhere. Alone there is nowhere
// else, and the group does not exist.
func (a *api) function(g group) (*rouse.Function, error) {
	name := g.LogGroupName
	if g.LogGroupIdentifier != "" {
		if name != "" {
			return nil, invalid("LogGroupName and LogGroupIdentifier cannot both be given")
		}
		name = strings.TrimSuffix(strings.TrimPrefix(g.LogGroupIdentifier, a.arn("")), ":*")
	}
	if of, ok := strings.CutPrefix(name, groupPrefix); ok {
		if fn, err := a.Catalog.Function(rouse.FunctionName(of)); err == nil {
			return fn, nil
		}
	}
	for _, fn := range a.Catalog.Functions() {
		if name != "" && a.groupOf(&fn) == name {
			return &fn, nil
		}
	}
	switch {
	case name == "":
		return nil, invalid("1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	case a.Alone:
		return nil, missing("group")
	}
	return nil, errElsewhere
}

// groupOf is the name of a function's log group.
func (a *api) groupOf(fn *rouse.Function) string {
	rev, err := a.Catalog.Revision(fn.Latest)
	if err != nil { // it is being deleted
		return groupPrefix + string(fn.Name)
	}
	return rouse.LogGroup(fn.Name, &rev.Spec)
}

func (a *api) arn(group string) string {
	return "arn:aws:logs:" + a.Place.Region + ":" + a.Place.Account + ":log-group:" + group
}

const maxDescribed = 50

// describeLogGroups lists functions as log groups, by name. With another emulator
// beside it is asked, unless it is plain that functions are meant.
func (a *api) describeLogGroups(_ *gateway.Call, in *struct {
	LogGroupNamePrefix  string `json:"logGroupNamePrefix"`
	LogGroupNamePattern string `json:"logGroupNamePattern"`
	NextToken           string `json:"nextToken"`
	Limit               int    `json:"limit"`
}) (any, error) {
	if !a.Alone && !strings.HasPrefix(in.LogGroupNamePrefix, groupPrefix) && !strings.HasPrefix(in.LogGroupNamePattern, groupPrefix) {
		return nil, errElsewhere
	}
	if in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "" {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	limit, err := within(in.Limit, maxDescribed)
	if err != nil {
		return nil, err
	}
	type described struct {
		Name    string `json:"logGroupName"`
		Created int64  `json:"creationTime"`
		Filters int    `json:"metricFilterCount"`
		ARN     string `json:"arn"`
		Class   string `json:"logGroupClass"`
		Bare    string `json:"logGroupArn"`
	}
	all := []described{}
	for _, fn := range a.Catalog.Functions() {
		name := a.groupOf(&fn)
		if strings.HasPrefix(name, in.LogGroupNamePrefix) && strings.Contains(strings.ToLower(name), strings.ToLower(in.LogGroupNamePattern)) {
			all = append(all, described{name, fn.Created.UnixMilli(), 0, a.arn(name) + ":*", "STANDARD", a.arn(name)})
		}
	}
	slices.SortFunc(all, func(x, y described) int { return strings.Compare(x.Name, y.Name) })
	part, next, err := page(all, func(d described) string { return d.Name }, in.NextToken, limit)
	return struct {
		Groups []described `json:"logGroups"`
		Next   string      `json:"nextToken,omitempty"`
	}{part, next}, err
}

// page is what follows the one that token names, and the token of the next page.
func page[T any](all []T, name func(T) string, token string, limit int) (part []T, next string, err error) {
	if token != "" {
		i := slices.IndexFunc(all, func(v T) bool { return name(v) == token })
		if i < 0 {
			return nil, "", invalid("The specified nextToken is invalid.")
		}
		all = all[i+1:]
	}
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], name(all[limit-1]), nil
}
