package lambdaapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// maxListed is AWS's bound on most pages, whatever a client asks for.
const maxListed = 50

func (a *api) listFunctions(r *request) (any, error) {
	all := r.text("FunctionVersion") == "ALL"
	functions := a.Catalog.Functions()
	slices.SortFunc(functions, func(x, y rouse.Function) int { return strings.Compare(string(x.Name), string(y.Name)) })
	type item struct {
		fn     *rouse.Function
		number int
	}
	var items []item
	for i := range functions {
		items = append(items, item{&functions[i], 0})
		if all {
			for _, v := range functions[i].Versions {
				items = append(items, item{&functions[i], v.Number})
			}
		}
	}
	cut, next, err := page(a, r, items, maxListed, func(i item) string { return fmt.Sprintf("%s:%012d", i.fn.Name, i.number) })
	if err != nil {
		return nil, err
	}
	answer := struct {
		NextMarker *string
		Functions  []*configuration
	}{Functions: []*configuration{}, NextMarker: optional(next)}
	for _, i := range cut {
		p, err := a.at(i.fn, i.number)
		if rouse.CodeOf(err) == rouse.NotFound {
			continue // deleted since the list was taken
		}
		if err != nil {
			return nil, err
		}
		if all {
			p.arn = rouse.Qualifier(p.version())
		}
		answer.Functions = append(answer.Functions, a.configuration(p).listed())
	}
	return answer, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
