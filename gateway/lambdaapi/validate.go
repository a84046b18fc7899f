package lambdaapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/rousehq/rouse"
)

// checker walks a request's value along its shape. It collects what the shape
// does not allow, in AWS's words, and takes blobs out of the value.
type checker struct {
	problems []string
	blobs    map[string][]byte // by path
}

// value checks v, which came at path, and returns it without members that the
// shape does not know. An error is a value of the wrong type.
func (c *checker) value(name, path string, v any) (any, error) {
	s := shapes[name]
	switch s.kind {
	case kindStructure:
		return c.structure(s, path, v)
	case kindList:
		return c.list(s, path, v)
	case kindMap:
		return c.mapping(s, path, v)
	case kindBlob:
		text, ok := v.(string)
		if !ok {
			return nil, mistyped(v, "a Blob")
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, serialization("Unable to decode the base64 value of %s", path)
		}
		c.blobs[path] = data
		return nil, nil
	case kindBoolean:
		if _, ok := v.(bool); !ok {
			return nil, mistyped(v, "a Boolean")
		}
		return v, nil
	case kindInteger, kindLong:
		n, ok := v.(json.Number)
		if !ok {
			return nil, mistyped(v, "an Integer")
		}
		if _, err := n.Int64(); err != nil {
			return nil, mistyped(v, "an Integer")
		}
	case kindDouble:
		n, ok := v.(json.Number)
		if !ok {
			return nil, mistyped(v, "a Double")
		}
		// AWS's messages show what was made of it: 2 is 2.0.
		if f, err := n.Float64(); err == nil && f == math.Trunc(f) {
			v = json.Number(s.number(f))
		}
	default:
		if _, ok := v.(string); !ok {
			return nil, mistyped(v, "a String")
		}
	}
	c.constraints(path, show(v), s.broken(v))
	return v, nil
}

func (c *checker) structure(s *shape, path string, v any) (any, error) {
	given, ok := v.(map[string]any)
	if !ok {
		return nil, mistyped(v, "a Structure")
	}
	known := make(map[string]any, len(given))
	for _, m := range s.members {
		value, ok := given[m.name]
		at := lowerFirst(m.name)
		if path != "" {
			at = path + "." + at
		}
		if !ok || value == nil {
			if m.required {
				c.constraints(at, "null", []string{"Member must not be null"})
			}
			continue
		}
		checked, err := c.value(m.shape, at, value)
		if err != nil {
			return nil, err
		}
		if checked != nil {
			known[m.name] = checked
		}
	}
	return known, nil
}

func (c *checker) list(s *shape, path string, v any) (any, error) {
	given, ok := v.([]any)
	if !ok {
		return nil, mistyped(v, "a List")
	}
	c.constraints(path, show(v), s.brokenLength(len(given)))
	element := shapes[s.member]
	if element.kind == kindStructure || element.kind == kindList || element.kind == kindMap {
		for i := range given {
			checked, err := c.value(s.member, path+"."+strconv.Itoa(i+1)+".member", given[i])
			if err != nil {
				return nil, err
			}
			given[i] = checked
		}
		return given, nil
	}
	inner := &checker{blobs: c.blobs}
	for _, value := range given {
		if value == nil {
			inner.problems = append(inner.problems, "null")
			continue
		}
		if _, err := inner.value(s.member, path, value); err != nil {
			return nil, err
		}
	}
	if len(inner.problems) > 0 {
		c.constraints(path, show(v), []string{"Member must satisfy constraint: " + element.all()})
	}
	return given, nil
}

func (c *checker) mapping(s *shape, path string, v any) (any, error) {
	given, ok := v.(map[string]any)
	if !ok {
		return nil, mistyped(v, "a Map")
	}
	c.constraints(path, show(v), s.brokenLength(len(given)))
	keys, values := &checker{blobs: c.blobs}, &checker{blobs: c.blobs}
	for key, value := range given {
		if _, err := keys.value(s.key, path, key); err != nil {
			return nil, err
		}
		if value == nil {
			values.problems = append(values.problems, "null")
			continue
		}
		checked, err := values.value(s.value, path, value)
		if err != nil {
			return nil, err
		}
		given[key] = checked
	}
	if len(keys.problems) > 0 {
		c.constraints(path, show(v), []string{"Map keys must satisfy constraint: " + shapes[s.key].all()})
	}
	if len(values.problems) > 0 {
		c.constraints(path, show(v), []string{"Map value must satisfy constraint: " + shapes[s.value].all()})
	}
	return given, nil
}

func (c *checker) constraints(path, shown string, broken []string) {
	if shown != "null" {
		shown = "'" + shown + "'"
	}
	for _, words := range broken {
		c.problems = append(c.problems, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, path, words))
	}
}

// broken lists the constraints that a scalar does not satisfy.
func (s *shape) broken(v any) []string {
	if n, ok := v.(json.Number); ok {
		f, err := n.Float64()
		var list []string
		if err != nil || s.max != nil && f > *s.max {
			list = append(list, s.most("value"))
		}
		if s.min != nil && f < *s.min {
			list = append(list, s.least("value"))
		}
		return list
	}
	text, _ := v.(string)
	list := s.brokenLength(utf8.RuneCountInString(text))
	if s.pattern != "" && !matches(s.pattern, text) {
		list = append(list, s.like())
	}
	if len(s.enum) > 0 && !slices.Contains(s.enum, text) {
		list = append(list, s.oneOf())
	}
	return list
}

func (s *shape) brokenLength(n int) []string {
	var list []string
	if s.max != nil && float64(n) > *s.max {
		list = append(list, s.most("length"))
	}
	if s.min != nil && float64(n) < *s.min {
		list = append(list, s.least("length"))
	}
	return list
}

func (s *shape) most(what string) string {
	return "Member must have " + what + " less than or equal to " + s.number(*s.max)
}

func (s *shape) least(what string) string {
	return "Member must have " + what + " greater than or equal to " + s.number(*s.min)
}

func (s *shape) number(f float64) string {
	if s.kind == kindDouble {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func (s *shape) like() string { return "Member must satisfy regular expression pattern: " + s.pattern }
func (s *shape) oneOf() string {
	return "Member must satisfy enum value set: [" + strings.Join(s.enum, ", ") + "]"
}

// all is every constraint on an element, as AWS lists them for collections.
func (s *shape) all() string {
	what := "length"
	if s.kind == kindDouble || s.kind == kindInteger || s.kind == kindLong {
		what = "value"
	}
	var list []string
	if s.max != nil {
		list = append(list, s.most(what))
	}
	if s.min != nil {
		list = append(list, s.least(what))
	}
	if s.pattern != "" {
		list = append(list, s.like())
	}
	if len(s.enum) > 0 {
		list = append(list, s.oneOf())
	}
	return "[" + strings.Join(append(list, "Member must not be null"), ", ") + "]"
}

// compiled holds the patterns that have been used: string → *regexp.Regexp.
var compiled sync.Map

// lookarounds are the patterns that Go's expressions cannot say, in two: what
// must match and what must not.
var lookarounds = map[string][2]string{
	"(?!^[0-9]+$)([a-zA-Z0-9-_]+)": {"[a-zA-Z0-9-_]+", "[0-9]+"},
	"((?!^\\d+$)^[0-9a-zA-Z-_]+$)": {"[0-9a-zA-Z-_]+", "[0-9]+"},
	"[0-9A-Za-z\\.\\-_]*(?<!\\.)":  {"[0-9A-Za-z._-]*", ".*[.]"},
	"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:((?!\\d+$)[0-9a-zA-Z-_]+))?": {
		"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:([0-9a-zA-Z-_]+))?", ".*[a-zA-Z_-][^:]*:\\d+"},
	"(^(?!(system\\x2e)))(^[_a-zA-Z0-9])([^$]*)": {"[_a-zA-Z0-9][^$]*", "system[.].*"},
}

// matches says whether the whole of text is of a pattern of the service model.
func matches(pattern, text string) bool {
	if two, ok := lookarounds[pattern]; ok {
		return matches(two[0], text) && !matches(two[1], text)
	}
	re, ok := compiled.Load(pattern)
	if !ok {
		re, _ = compiled.LoadOrStore(pattern, regexp.MustCompile(`^(?:`+pattern+`)$`))
	}
	return re.(*regexp.Regexp).MatchString(text)
}

// show is a value as AWS's messages write it.
func show(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = show(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		parts := []string{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+"="+show(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case nil:
		return "null"
	}
	return clip(fmt.Sprint(v))
}

// mistyped is the error for a value that is not what it should be.
func mistyped(v any, want string) error {
	what := map[bool]string{true: "TRUE_VALUE", false: "FALSE_VALUE"}
	switch v := v.(type) {
	case string:
		return serialization("STRING_VALUE can not be converted to %s", want)
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return serialization("DECIMAL_VALUE can not be converted to %s", want)
		}
		return serialization("NUMBER_VALUE can not be converted to %s", want)
	case bool:
		return serialization("%s can not be converted to %s", what[v], want)
	case []any:
		return serialization("START_ARRAY can not be converted to %s", want)
	}
	return serialization("START_OBJECT can not be converted to %s", want)
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// clip keeps hostile input from filling a message; AWS repeats what it was given.
func clip(s string) string { return rouse.ClipTo(s, 1024) }
