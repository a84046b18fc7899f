package adminapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// listFunctions answers with every function, by name.
func (a *api) listFunctions(c *gateway.Call) error {
	functions := a.Catalog.Functions()
	slices.SortFunc(functions, func(x, y rouse.Function) int { return strings.Compare(string(x.Name), string(y.Name)) })
	running := a.running()
	views := make([]FunctionView, 0, len(functions))
	for i := range functions {
		view, err := a.view(c, &functions[i], running)
		if rouse.CodeOf(err) == rouse.NotFound {
			continue // deleted since the list was taken
		}
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	return reply(c, http.StatusOK, views)
}

func (a *api) getFunction(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	view, err := a.view(c, fn, a.running())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, view)
}

// deleteFunction answers when the function is durably gone; what runs drains.
func (a *api) deleteFunction(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	if err := a.Catalog.Delete(c.Request.Context(), fn.Name); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}

// running counts the instances of each function by state.
func (a *api) running() map[rouse.FunctionName]map[string]int {
	counts := map[rouse.FunctionName]map[string]int{}
	for _, i := range a.Pool.Instances() {
		if counts[i.Function] == nil {
			counts[i.Function] = map[string]int{}
		}
		counts[i.Function][string(i.State)]++
	}
	return counts
}

func (a *api) view(c *gateway.Call, fn *rouse.Function, running map[rouse.FunctionName]map[string]int) (FunctionView, error) {
	revision, err := a.Catalog.Revision(fn.Latest)
	if err != nil {
		return FunctionView{}, err
	}
	instances := running[fn.Name]
	if instances == nil {
		instances = map[string]int{}
	}
	return FunctionView{
		Function:  *fn,
		Revision:  *revision,
		Instances: instances,
		Waiting:   a.Pool.Waiting(fn.Name),
		URL:       functionURL(c.Request, fn.Name),
	}, nil
}

// functionURL leads to a function by the way on which the client came here.
func functionURL(r *http.Request, name rouse.FunctionName) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/fn/" + string(name) + "/"
}
