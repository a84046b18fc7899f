package lambdaapi

import (
	"context"
	"net/http"

	"github.com/rousehq/rouse"
)

// minUnreserved is what all functions without a reservation must be left.
const minUnreserved = 100

func (a *api) getFunctionConcurrency(r *request) (any, error) {
	fn, _, err := a.function(r)
	if err != nil {
		return nil, err
	}
	if fn.Settings.Reserved == nil {
		return struct{}{}, nil
	}
	return map[string]int{"ReservedConcurrentExecutions": *fn.Settings.Reserved}, nil
}

func (a *api) putFunctionConcurrency(r *request) (any, error) {
	t, err := a.whole(r)
	if err != nil {
		return nil, err
	}
	if _, err := a.Catalog.Function(t.name); err != nil {
		return nil, a.notFound(target{t.name, rouse.Latest})
	}
	reserved := r.number("ReservedConcurrentExecutions", 0)
	if a.unreserved(t.name)-reserved < minUnreserved {
		return nil, untyped(invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved))
	}
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if provisioned := fn.TotalProvisioned(); reserved < provisioned {
			return untyped(invalid(" ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", reserved, provisioned))
		}
		fn.Settings.Reserved = &reserved
		return nil
	})
	return map[string]int{"ReservedConcurrentExecutions": reserved}, a.gone(t, err)
}

func (a *api) deleteFunctionConcurrency(r *request) (any, error) {
	t, err := a.whole(r)
	if err != nil {
		return nil, err
	}
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		fn.Settings.Reserved = nil
		return nil
	})
	return withStatus{status: http.StatusNoContent}, a.gone(t, err)
}

// whole is the function that a request names without a qualifier.
func (a *api) whole(r *request) (target, error) {
	t, err := a.targetOf(r)
	if err == nil && t.qualifier != "" {
		err = invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return t, err
}

// unreserved is what the functions but one leave of the account's concurrency.
func (a *api) unreserved(except rouse.FunctionName) int {
	left := a.Concurrency
	for _, fn := range a.Catalog.Functions() {
		if fn.Name != except {
			left -= fn.AccountShare()
		}
	}
	return left
}

func (a *api) getAccountSettings(r *request) (any, error) {
	functions := a.Catalog.Functions()
	usage, err := a.codeSize(r.Request.Context(), functions)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"AccountLimit": map[string]int{
			"TotalCodeSize": 80530636800, "CodeSizeUnzipped": maxUnzipped, "CodeSizeZipped": maxZipped,
			"ConcurrentExecutions": a.Concurrency, "UnreservedConcurrentExecutions": a.unreserved(""),
		},
		"AccountUsage": map[string]int{"TotalCodeSize": int(usage), "FunctionCount": len(functions)},
	}, nil
}

// codeSize is that of all archives: each version and each layer's version has its own.
func (a *api) codeSize(ctx context.Context, functions []rouse.Function) (total rouse.Bytes, err error) {
	for i := range functions {
		numbers := []int{0}
		for _, v := range functions[i].Versions {
			numbers = append(numbers, v.Number)
		}
		for _, number := range numbers {
			if p, err := a.at(&functions[i], number); err == nil { // else it is being deleted
				_, size := p.code()
				total += size
			}
		}
	}
	for l, err := range a.Layers.AllLayers(ctx) {
		if err != nil {
			return 0, err
		}
		for _, v := range l.Versions {
			total += v.Package.Size
		}
	}
	return total, nil
}
