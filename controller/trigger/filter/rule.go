package filter

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"strings"

	"github.com/rousehq/rouse"
)

// rule says of a value whether it is wanted; there is false for a field that
// the document does not have.
type rule func(value any, there bool) bool

func parseRule(v any, at string) (rule, error) {
	operators, ok := v.(map[string]any)
	if !ok {
		return parseEqual(v, at)
	}
	if len(operators) != 1 {
		return nil, wrong(at, "must have exactly one comparison")
	}
	for name, value := range operators {
		switch here := join(at, name); name {
		case "exists":
			want, ok := value.(bool)
			if !ok {
				return nil, wrong(here, "must be true or false")
			}
			return func(v any, there bool) bool {
				_, nested := v.(map[string]any)
				return (there && !nested) == want
			}, nil
		case "numeric":
			return parseNumeric(value, here)
		case "anything-but":
			return parseAnythingBut(value, here)
		case "cidr":
			return parseCIDR(value, here)
		default:
			return parseText(name, value, at)
		}
	}
	return nil, nil
}

// parseEqual wants one very value: text, a number, true, false or null.
func parseEqual(v any, at string) (rule, error) {
	if _, list := v.([]any); list {
		return nil, wrong(at, "must be a value or a comparison, not a list")
	}
	if n, ok := v.(json.Number); ok {
		want, ok := number(n)
		if !ok {
			return nil, wrong(at, "%s is too large a number", rouse.Clip(n.String()))
		}
		return func(v any, there bool) bool {
			got, ok := number(v)
			return there && ok && got.Cmp(want) == 0
		}, nil
	}
	return func(got any, there bool) bool { return there && got == v }, nil
}

// number is exact, so that 0.1 is 0.10 and nothing else.
func number(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	const most = 40 // digits with the exponent: a short text can mean a very long number
	if !ok || len(n) > most {
		return nil, false
	}
	if _, exponent, has := strings.Cut(strings.ToLower(n.String()), "e"); has && len(strings.TrimLeft(exponent, "+-0")) > 3 {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// parseText reads what compares texts.
func parseText(name string, value any, at string) (rule, error) {
	here := join(at, name)
	fold := false
	if inner, ok := value.(map[string]any); ok && (name == "prefix" || name == "suffix") {
		v, only := inner["equals-ignore-case"]
		if !only || len(inner) != 1 {
			return nil, wrong(here, "must be a text or an equals-ignore-case")
		}
		value, fold = v, true
	}
	var compare func(got, want string) bool
	switch name {
	case "prefix":
		compare = strings.HasPrefix
	case "suffix":
		compare = strings.HasSuffix
	case "equals-ignore-case":
		compare = strings.EqualFold
	case "wildcard":
		compare = wild
	default:
		return nil, wrong(at, "%q is not a comparison; use prefix, suffix, anything-but, numeric, exists, equals-ignore-case, wildcard or cidr", rouse.Clip(name))
	}
	want, ok := value.(string)
	if !ok {
		return nil, wrong(here, "must be a text")
	}
	if name == "wildcard" {
		if err := checkWild(want, here); err != nil {
			return nil, err
		}
	}
	if fold {
		want = strings.ToLower(want)
	}
	return func(v any, _ bool) bool {
		got, ok := v.(string)
		if fold {
			got = strings.ToLower(got)
		}
		return ok && compare(got, want)
	}, nil
}

// parseAnythingBut wants a value that is there and that none of some rules wants.
func parseAnythingBut(value any, at string) (rule, error) {
	var unwanted []rule
	add := func(r rule, err error) error {
		unwanted = append(unwanted, r)
		return err
	}
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return nil, wrong(at, "must not be an empty list")
		}
		for i := range v {
			if _, nested := v[i].(map[string]any); nested {
				return nil, wrong(index(at, i), "must be a text or a number")
			}
			if err := add(parseEqual(v[i], index(at, i))); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if len(v) != 1 {
			return nil, wrong(at, "must have exactly one comparison")
		}
		for name, inner := range v {
			list, ok := inner.([]any)
			if !ok {
				list = []any{inner}
			}
			if len(list) == 0 {
				return nil, wrong(join(at, name), "must not be an empty list")
			}
			for _, one := range list {
				if err := add(parseText(name, one, at)); err != nil {
					return nil, err
				}
			}
		}
	default:
		if err := add(parseEqual(v, at)); err != nil {
			return nil, err
		}
	}
	return func(v any, there bool) bool {
		for _, r := range unwanted {
			if r(v, there) {
				return false
			}
		}
		_, nested := v.(map[string]any)
		return there && !nested
	}, nil
}

var comparisons = map[string]func(sign int) bool{
	"=": func(s int) bool { return s == 0 }, "<": func(s int) bool { return s < 0 }, "<=": func(s int) bool { return s <= 0 },
	">": func(s int) bool { return s > 0 }, ">=": func(s int) bool { return s >= 0 },
}

// parseNumeric reads [">", 0, "<=", 5].
func parseNumeric(value any, at string) (rule, error) {
	list, ok := value.([]any)
	if !ok || len(list) == 0 || len(list)%2 != 0 || len(list) > 4 {
		return nil, wrong(at, `must be one or two comparisons, like [">", 0, "<=", 5]`)
	}
	var all []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		word, _ := list[i].(string)
		compare, ok := comparisons[word]
		if !ok {
			return nil, wrong(index(at, i), "must be one of = < <= > >=")
		}
		limit, ok := number(list[i+1])
		if !ok {
			return nil, wrong(index(at, i+1), "must be a number")
		}
		all = append(all, func(n *big.Rat) bool { return compare(n.Cmp(limit)) })
	}
	return func(v any, _ bool) bool {
		n, ok := number(v)
		for _, compare := range all {
			ok = ok && compare(n)
		}
		return ok
	}, nil
}

func parseCIDR(value any, at string) (rule, error) {
	text, _ := value.(string)
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, wrong(at, `must be a range of addresses, like "10.0.0.0/24"`)
	}
	return func(v any, _ bool) bool {
		got, _ := v.(string)
		addr, err := netip.ParseAddr(got)
		return err == nil && prefix.Contains(addr)
	}, nil
}
