package filter

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/rousehq/rouse"
)

// Pattern is what a document must be like. Make one with Parse.
type Pattern struct {
	fields map[string]node
	// or are alternatives of which one must match, for each $or.
	or [][]*Pattern
}

// node is a nested pattern or a list of what a value may be.
type node struct {
	nested *Pattern
	rules  []rule
}

// maxDepth bounds how deep patterns nest.
const maxDepth = 100

// Parse reads a pattern. Its error is Invalid and names the place of the fault.
func Parse(text string) (*Pattern, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, rouse.Errorf(rouse.Invalid, "filter pattern: not JSON: %s", err.Error())
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, rouse.Errorf(rouse.Invalid, "filter pattern: there is something after its end")
	}
	return parse(v, "", 0)
}

func wrong(at, format string, args ...any) error {
	if at == "" {
		at = "the top"
	}
	return rouse.Errorf(rouse.Invalid, "filter pattern, at "+at+": "+format, args...)
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func index(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }

func parse(v any, at string, depth int) (*Pattern, error) {
	object, ok := v.(map[string]any)
	switch {
	case !ok:
		return nil, wrong(at, "must be an object")
	case len(object) == 0:
		return nil, wrong(at, "must not be empty")
	case depth > maxDepth:
		return nil, wrong(at, "nested too deeply")
	}
	p := &Pattern{fields: map[string]node{}}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		here := join(at, name)
		var err error
		switch value := object[name].(type) {
		case map[string]any:
			var nested *Pattern
			if nested, err = parse(value, here, depth+1); err == nil {
				p.fields[name] = node{nested: nested}
			}
		case []any:
			if name == "$or" {
				err = p.parseOr(value, here, depth)
				break
			}
			var rules []rule
			if rules, err = parseRules(value, here); err == nil {
				p.fields[name] = node{rules: rules}
			}
		default:
			err = wrong(here, "must be a list of what is wanted, or an object")
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Pattern) parseOr(list []any, at string, depth int) error {
	if len(list) < 2 {
		return wrong(at, "must have at least 2 alternatives")
	}
	var alternatives []*Pattern
	for i, v := range list {
		one, err := parse(v, index(at, i), depth+1)
		if err != nil {
			return err
		}
		alternatives = append(alternatives, one)
	}
	p.or = append(p.or, alternatives)
	return nil
}

func parseRules(list []any, at string) ([]rule, error) {
	if len(list) == 0 {
		return nil, wrong(at, "must not be an empty list")
	}
	rules := make([]rule, len(list))
	for i, v := range list {
		var err error
		if rules[i], err = parseRule(v, index(at, i)); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// Fields are the names that the pattern looks at, at its top.
func (p *Pattern) Fields() []string {
	names := map[string]bool{}
	for name := range p.fields {
		names[name] = true
	}
	for _, alternatives := range p.or {
		for _, one := range alternatives {
			for _, name := range one.Fields() {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Match says whether a document, as encoding/json reads it with UseNumber, is
// like the pattern.
func (p *Pattern) Match(document map[string]any) bool {
	for name, n := range p.fields {
		value, there := document[name]
		if !n.match(value, there) {
			return false
		}
	}
	for _, alternatives := range p.or {
		if !slices.ContainsFunc(alternatives, func(one *Pattern) bool { return one.Match(document) }) {
			return false
		}
	}
	return true
}

func (n node) match(value any, there bool) bool {
	list, isList := value.([]any)
	switch {
	case n.nested == nil && isList && len(list) > 0:
		return slices.ContainsFunc(n.rules, func(r rule) bool {
			return slices.ContainsFunc(list, func(v any) bool { return r(v, true) })
		})
	case n.nested == nil:
		return slices.ContainsFunc(n.rules, func(r rule) bool { return r(value, there) })
	case isList:
		return slices.ContainsFunc(list, func(v any) bool {
			object, ok := v.(map[string]any)
			return ok && n.nested.Match(object)
		})
	}
	object, _ := value.(map[string]any) // nothing has no fields, which a pattern may want
	return n.nested.Match(object)
}
