package queue

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/trigger/filter"
)

// filters are a mapping's patterns; a message is wanted when one of them matches.
type filters []bodyFilter

// bodyFilter is a pattern. AWS filters queues by their messages' bodies only: as
// text, or as what their JSON says.
type bodyFilter struct {
	pattern *filter.Pattern
	text    bool // the body is compared as it is
}

// CheckFilters reads patterns. An error is Invalid and names the place of the fault.
func (*Mappings) CheckFilters(patterns []string) error {
	_, err := parseFilters(patterns)
	return err
}

func parseFilters(patterns []string) (filters, error) {
	var list filters
	for _, text := range patterns {
		p, err := filter.Parse(text)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(p.Fields(), func(name string) bool { return name != "body" }); i >= 0 {
			return nil, rouse.Errorf(rouse.Invalid, "filter pattern, at %s: messages of queues are filtered by body only", p.Fields()[i])
		}
		var top struct{ Body json.RawMessage }
		_ = json.Unmarshal([]byte(text), &top) // filter.Parse has read it
		list = append(list, bodyFilter{pattern: p, text: strings.HasPrefix(strings.TrimSpace(string(top.Body)), "[")})
	}
	return list, nil
}

// want says whether a message is to be handled.
func (fs filters) want(body string) bool {
	if len(fs) == 0 {
		return true
	}
	parsed := parseBody(body)
	return slices.ContainsFunc(fs, func(f bodyFilter) bool {
		if f.text {
			return f.pattern.Match(map[string]any{"body": body})
		}
		return parsed != nil && f.pattern.Match(map[string]any{"body": parsed})
	})
}

// parseBody is a body's JSON object, or nil.
func parseBody(body string) any {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var object map[string]any
	if decoder.Decode(&object) != nil || object == nil {
		return nil
	}
	return object
}
