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
	now := a.load()
	views := make([]FunctionView, 0, len(functions))
	for i := range functions {
		view, err := a.view(c, &functions[i], now)
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
	view, err := a.view(c, fn, a.load())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, view)
}

// deleteFunction answers when the function is durably gone; what runs drains.
// Jobs that have not ended are ended by it, which has to be wanted.
func (a *api) deleteFunction(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	force, err := flag(c, "force")
	if err != nil {
		return err
	}
	if n := a.Queued(fn.Name); n > 0 && !force {
		return rouse.Errorf(rouse.Conflict, "function %q has %d jobs that have not ended and would never be run; delete it with force (rouse rm --force) to end them", fn.Name, n)
	}
	if err := a.Catalog.Delete(c.Request.Context(), fn.Name); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}

// load is what the pool has at one moment.
type load struct {
	instances map[rouse.FunctionName]map[string]int // by state
	waiting   int                                   // over all functions
}

func (a *api) load() load {
	l := load{instances: map[rouse.FunctionName]map[string]int{}, waiting: a.Pool.Stats().Waiting}
	for _, i := range a.Pool.Instances() {
		if l.instances[i.Function] == nil {
			l.instances[i.Function] = map[string]int{}
		}
		l.instances[i.Function][string(i.State)]++
	}
	return l
}

func (a *api) view(c *gateway.Call, fn *rouse.Function, l load) (FunctionView, error) {
	revision, err := a.Catalog.Revision(fn.Latest)
	if err != nil {
		return FunctionView{}, err
	}
	v := FunctionView{
		Function:  *fn,
		Revision:  *revision,
		Instances: l.instances[fn.Name],
		URL:       functionURL(c.Request, fn.Name),
		Paused:    a.Paused(fn.Name),
	}
	if v.Instances == nil {
		v.Instances = map[string]int{}
	}
	if l.waiting > 0 { // seldom, and asking for each function costs
		v.Waiting = a.Pool.Waiting(fn.Name)
	}
	return v, nil
}

// functionURL leads to a function by the way on which the client came here.
func functionURL(r *http.Request, name rouse.FunctionName) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/fn/" + string(name) + "/"
}

// flag reads a yes or no of the query.
func flag(c *gateway.Call, name string) (bool, error) {
	switch value := c.Request.URL.Query().Get(name); value {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, rouse.Errorf(rouse.Invalid, "%s %q: must be true or false", name, rouse.Clip(value))
	}
}
