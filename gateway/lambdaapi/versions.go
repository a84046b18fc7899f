package lambdaapi

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// publishVersion gives $LATEST a number, unless it has one since its last change.
func (a *api) publishVersion(r *request) (any, error) {
	var in struct {
		CodeSha256, RevisionId string
		Description            *string
	}
	if err := r.into(&in); err != nil {
		return nil, err
	}
	if r.has("PublishTo") {
		return nil, unsupported("PublishTo", "leave it out")
	}
	_, t, err := a.latest(r)
	if err != nil {
		return nil, err
	}
	number, before := 0, 0
	fn, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if err := a.changeable(fn); err != nil {
			return err
		}
		if err := a.current(fn, in.RevisionId); err != nil {
			return err
		}
		latest, err := a.at(fn, 0)
		if err != nil {
			return err
		}
		if err := runnable(latest.rev); err != nil {
			return err
		}
		if sum, _ := latest.code(); in.CodeSha256 != "" && in.CodeSha256 != sum {
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", clip(in.CodeSha256), sum)
		}
		description := latest.lambda.Description
		if in.Description != nil {
			description = *in.Description
		}
		before = fn.Published
		number = fn.Publish(description, a.now()).Number
		if number > before && fn.Lambda != nil {
			fn.Lambda.Latest.RevisionID = uuid.NewString()
		}
		return nil
	})
	if err != nil {
		return nil, a.gone(t, err)
	}
	p, err := a.at(&fn, number)
	if err != nil {
		return nil, err
	}
	return a.configuration(p), nil
}

func (a *api) listVersionsByFunction(r *request) (any, error) {
	fn, _, err := a.function(r)
	if err != nil {
		return nil, err
	}
	numbers := []int{0}
	for _, v := range fn.Versions {
		numbers = append(numbers, v.Number)
	}
	cut, next, err := page(a, r, numbers, maxListed, func(n int) string { return strconv.Itoa(1_000_000_000 + n) })
	if err != nil {
		return nil, err
	}
	answer := struct {
		NextMarker *string
		Versions   []*configuration
	}{Versions: []*configuration{}, NextMarker: optional(next)}
	for _, number := range cut {
		p, err := a.at(fn, number)
		if err != nil {
			return nil, err
		}
		p.arn = rouse.Qualifier(p.version())
		answer.Versions = append(answer.Versions, a.configuration(p).listed())
	}
	return answer, nil
}
