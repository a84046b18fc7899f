package lambdaapi

import (
	"crypto/sha1" //nolint:gosec // names, not secrets
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// aliasView is AWS's AliasConfiguration.
type aliasView struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RoutingConfig   *routing `json:",omitempty"`
	RevisionId      string
}

type routing struct {
	AdditionalVersionWeights map[string]float64
}

func (a *api) aliasView(fn *rouse.Function, name rouse.Qualifier, alias rouse.Alias) aliasView {
	v := aliasView{
		AliasArn: a.Place.ARN(fn.Name, name), Name: string(name), FunctionVersion: versionText(alias.Version),
		Description: alias.Description, RevisionId: aliasRevision(fn, name, alias),
	}
	if alias.Second != 0 {
		v.RoutingConfig = &routing{map[string]float64{versionText(alias.Second): alias.Weight}}
	}
	return v
}

// aliasRevision is another one as soon as the alias was changed by any way.
func aliasRevision(fn *rouse.Function, name rouse.Qualifier, alias rouse.Alias) string {
	b, err := json.Marshal(alias)
	if err != nil {
		panic("lambdaapi: an alias that cannot be encoded: " + err.Error())
	}
	return uuid.NewHash(sha1.New(), uuid.NameSpaceOID, []byte(string(fn.Name)+":"+string(name)+string(b)), 5).String()
}

// aliasInput is what CreateAlias and UpdateAlias share.
type aliasInput struct {
	FunctionVersion *string
	Description     *string
	RoutingConfig   *routing
	RevisionId      string
}

func (a *api) createAlias(r *request) (any, error) {
	return a.setAlias(r, func(fn *rouse.Function, name rouse.Qualifier, in *aliasInput) (rouse.Alias, error) {
		if _, exists := fn.Aliases[name]; exists {
			return rouse.Alias{}, conflict("Alias already exists: %s", a.Place.ARN(fn.Name, name))
		}
		return rouse.Alias{}, nil
	})
}

func (a *api) updateAlias(r *request) (any, error) {
	return a.setAlias(r, func(fn *rouse.Function, name rouse.Qualifier, in *aliasInput) (rouse.Alias, error) {
		alias, exists := fn.Aliases[name]
		if !exists {
			return alias, missing("Alias not found: %s", a.Place.ARN(fn.Name, name))
		}
		if in.RevisionId != "" && in.RevisionId != aliasRevision(fn, name, alias) {
			return alias, stale(getFunction)
		}
		return alias, nil
	})
}

// setAlias changes the alias that begin finds, or makes, to what a request says.
func (a *api) setAlias(r *request, begin func(*rouse.Function, rouse.Qualifier, *aliasInput) (rouse.Alias, error)) (any, error) {
	var in aliasInput
	if err := r.into(&in); err != nil {
		return nil, err
	}
	t, err := a.targetOf(r)
	if err != nil {
		return nil, err
	}
	if _, err := a.Catalog.Function(t.name); err != nil {
		return nil, a.notFound(target{t.name, rouse.Qualifier(r.text("FunctionVersion"))})
	}
	name := rouse.Qualifier(r.text("Name"))
	fn, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		alias, err := begin(fn, name, &in)
		if err != nil {
			return err
		}
		if err := a.point(fn, &alias, &in); err != nil {
			return err
		}
		if fn.Aliases == nil {
			fn.Aliases = map[rouse.Qualifier]rouse.Alias{}
		}
		fn.Aliases[name] = alias
		return nil
	})
	if err != nil {
		return nil, a.gone(t, err)
	}
	return a.aliasView(&fn, name, fn.Aliases[name]), nil
}

// point has alias lead where the request says.
func (a *api) point(fn *rouse.Function, alias *rouse.Alias, in *aliasInput) error {
	if in.FunctionVersion != nil {
		number := 0
		if *in.FunctionVersion != string(rouse.Latest) {
			var err error
			if number, err = strconv.Atoi(*in.FunctionVersion); err != nil || fn.Version(number) == nil {
				return a.notFound(target{fn.Name, rouse.Qualifier(*in.FunctionVersion)})
			}
		}
		alias.Version = number
	}
	if in.Description != nil {
		alias.Description = *in.Description
	}
	if in.RoutingConfig != nil {
		alias.Second, alias.Weight = 0, 0
		weights := in.RoutingConfig.AdditionalVersionWeights
		if len(weights) > 1 {
			return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
		}
		for text, weight := range weights {
			number, err := strconv.Atoi(text)
			if err != nil || fn.Version(number) == nil {
				return a.notFound(target{fn.Name, rouse.Qualifier(text)})
			}
			alias.Second, alias.Weight = number, weight
		}
	}
	switch {
	case alias.Second == 0:
	case alias.Second == alias.Version:
		return invalid("Invalid function version %d. Function version %d is already included in routing configuration.", alias.Second, alias.Second)
	case alias.Version == 0:
		return untyped(invalid("$LATEST is not supported for an alias pointing to more than 1 version"))
	}
	alias.RevisionID = uuid.NewString()
	return nil
}

func (a *api) getAlias(r *request) (any, error) {
	fn, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	name := rouse.Qualifier(r.text("Name"))
	alias, ok := fn.Aliases[name]
	if !ok {
		return nil, missing("Cannot find alias arn: %s", a.Place.ARN(t.name, name))
	}
	return a.aliasView(fn, name, alias), nil
}

func (a *api) listAliases(r *request) (any, error) {
	fn, _, err := a.function(r)
	if err != nil {
		return nil, err
	}
	wanted := r.text("FunctionVersion")
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(fn.Aliases)), func(name rouse.Qualifier) bool {
		alias := fn.Aliases[name]
		return wanted != "" && wanted != versionText(alias.Version) && (alias.Second == 0 || wanted != versionText(alias.Second))
	})
	cut, next, err := page(a, r, names, maxListed, func(name rouse.Qualifier) string { return string(name) })
	if err != nil {
		return nil, err
	}
	views := []aliasView{}
	for _, name := range cut {
		views = append(views, a.aliasView(fn, name, fn.Aliases[name]))
	}
	return struct {
		NextMarker *string
		Aliases    []aliasView
	}{optional(next), views}, nil
}

// deleteAlias is idempotent, as on AWS.
func (a *api) deleteAlias(r *request) (any, error) {
	_, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	name := rouse.Qualifier(r.text("Name"))
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		delete(fn.Aliases, name)
		delete(fn.Provisioned, name)
		if fn.Lambda != nil {
			delete(fn.Lambda.Policies, name)
			delete(fn.Lambda.Async, name)
			delete(fn.Lambda.URLs, name)
		}
		return nil
	})
	return withStatus{status: http.StatusNoContent}, a.gone(t, err)
}

// qualified is the part of a function that a policy is attached to: the whole,
// a version or an alias, which exists.
func (a *api) qualified(fn *rouse.Function, t target) error {
	if t.qualifier == "" || t.qualifier == rouse.Latest {
		return nil
	}
	if number, err := strconv.Atoi(string(t.qualifier)); err == nil {
		if fn.Version(number) == nil {
			return a.notFound(t)
		}
		return nil
	}
	if _, ok := fn.Aliases[t.qualifier]; !ok {
		if strings.Contains(string(t.qualifier), "$") {
			return a.notFound(t) // no alias has such a name
		}
		return missing("Cannot find alias arn: %s", a.Place.ARN(t.name, t.qualifier))
	}
	return nil
}
