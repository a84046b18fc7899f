package lambdaapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
)

// provisioning is AWS's description of what is provisioned for a qualifier.
type provisioning struct {
	FunctionArn                              string `json:",omitempty"`
	RequestedProvisionedConcurrentExecutions int
	AvailableProvisionedConcurrentExecutions int
	AllocatedProvisionedConcurrentExecutions int
	Status                                   string
	StatusReason                             string `json:",omitempty"`
	LastModified                             string
}

const maxProvisionedListed = 50

func (a *api) putProvisionedConcurrencyConfig(r *request) (any, error) {
	t, err := a.provisionable(r, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	if err != nil {
		return nil, err
	}
	count := r.number("ProvisionedConcurrentExecutions", 0)
	fn, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if err := a.qualified(fn, t); err != nil {
			return err
		}
		if p, err := a.find(fn, t); err != nil {
			return err
		} else if err := runnable(p.rev); err != nil {
			return err
		}
		if err := provisionedTwice(fn, t.qualifier); err != nil {
			return err
		}
		others := fn.TotalProvisioned() - fn.Provisioned[t.qualifier].Count
		switch reserved := fn.Settings.Reserved; {
		case reserved != nil && others+count > *reserved:
			return invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		case reserved == nil && count > a.Concurrency:
			return untyped(invalid("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", a.Concurrency))
		case reserved == nil && a.unreserved(fn.Name)-others-count < minUnreserved:
			return untyped(invalid("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved))
		}
		if fn.Provisioned == nil {
			fn.Provisioned = map[rouse.Qualifier]rouse.Provisioning{}
		}
		fn.Provisioned[t.qualifier] = rouse.Provisioning{Count: count, Modified: time.Now()}
		return nil
	})
	if err != nil {
		return nil, a.gone(t, err)
	}
	// As on AWS nothing is allocated by the time of the answer.
	return provisioning{
		RequestedProvisionedConcurrentExecutions: count, Status: "IN_PROGRESS", LastModified: date(fn.Provisioned[t.qualifier].Modified),
	}, nil
}

// provisionable is what a request names, which $LATEST is not; unpublished says so.
func (a *api) provisionable(r *request, unpublished string) (target, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return t, err
	}
	if t.qualifier == rouse.Latest {
		return t, invalid("%s", unpublished)
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil { // it has no aliases either, which AWS says then
		return t, a.qualified(&rouse.Function{}, t)
	}
	if has(fn.Aliases, t.qualifier) && fn.Aliases[t.qualifier].Version == 0 {
		return t, invalid("%s", unpublished)
	}
	return t, a.qualified(fn, t)
}

// notProvisioned is what AWS says of $LATEST where nothing is put.
const notProvisioned = "The function resource provided must be an alias or a published version."

func has[K comparable, V any](m map[K]V, key K) bool {
	_, ok := m[key]
	return ok
}

// provisionedTwice says that a version would have instances of its own and of an alias.
func provisionedTwice(fn *rouse.Function, q rouse.Qualifier) error {
	if alias, ok := fn.Aliases[q]; ok {
		for _, number := range []int{alias.Version, alias.Second} {
			if has(fn.Provisioned, rouse.Qualifier(strconv.Itoa(number))) {
				return conflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
			}
		}
		return nil
	}
	for name, alias := range fn.Aliases {
		if text := string(q); has(fn.Provisioned, name) && (text == strconv.Itoa(alias.Version) || text == strconv.Itoa(alias.Second)) {
			return conflict("Version is pointed by a Provisioned Concurrency alias")
		}
	}
	return nil
}

func (a *api) getProvisionedConcurrencyConfig(r *request) (any, error) {
	t, err := a.provisionable(r, notProvisioned)
	if err != nil {
		return nil, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return nil, a.gone(t, err)
	}
	if !has(fn.Provisioned, t.qualifier) {
		e := user(http.StatusNotFound, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
		return nil, e
	}
	return a.provisioning(fn, t.qualifier), nil
}

// provisioning says how far what is provisioned for q is.
func (a *api) provisioning(fn *rouse.Function, q rouse.Qualifier) provisioning {
	asked := fn.Provisioned[q]
	numbers := []int{0}
	if alias, ok := fn.Aliases[q]; ok {
		numbers = []int{alias.Version, alias.Second}
	} else {
		numbers[0], _ = strconv.Atoi(string(q))
	}
	ready, failed := 0, false
	for _, number := range numbers {
		if v := fn.Version(number); v != nil {
			p := a.Capacity.Provisioned(v.Revision)
			ready, failed = ready+p.Ready, failed || p.Failed
		}
	}
	ready = min(ready, asked.Count)
	p := provisioning{
		RequestedProvisionedConcurrentExecutions: asked.Count, AvailableProvisionedConcurrentExecutions: ready,
		AllocatedProvisionedConcurrentExecutions: ready, Status: "IN_PROGRESS", LastModified: date(asked.Modified),
	}
	switch {
	case ready == asked.Count:
		p.Status = "READY"
	case failed:
		p.Status, p.StatusReason = "FAILED", "FUNCTION_ERROR_INIT_FAILURE"
	}
	return p
}

func (a *api) listProvisionedConcurrencyConfigs(r *request) (any, error) {
	fn, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(fn.Provisioned))
	cut, next, err := page(a, r, names, maxProvisionedListed, func(name rouse.Qualifier) string { return string(name) })
	if err != nil {
		return nil, err
	}
	configs := []provisioning{}
	for _, name := range cut {
		p := a.provisioning(fn, name)
		p.FunctionArn = a.Place.ARN(t.name, name)
		configs = append(configs, p)
	}
	return struct {
		ProvisionedConcurrencyConfigs []provisioning
		NextMarker                    *string `json:",omitempty"`
	}{configs, optional(next)}, nil
}

// deleteProvisionedConcurrencyConfig is idempotent, as on AWS.
func (a *api) deleteProvisionedConcurrencyConfig(r *request) (any, error) {
	t, err := a.provisionable(r, notProvisioned)
	if err != nil {
		return nil, err
	}
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		delete(fn.Provisioned, t.qualifier)
		return nil
	})
	return withStatus{status: http.StatusNoContent}, a.gone(t, err)
}
