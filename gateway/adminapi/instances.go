package adminapi

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// listInstances answers with what runs, by function and age. The query's
// function keeps one function's.
func (a *api) listInstances(c *gateway.Call) error {
	wanted := rouse.FunctionName(c.Request.URL.Query().Get("function"))
	instances := slices.DeleteFunc(slices.Clone(a.Pool.Instances()), func(i rouse.Instance) bool {
		return wanted != "" && i.Function != wanted
	})
	slices.SortFunc(instances, func(x, y rouse.Instance) int {
		return cmp.Or(cmp.Compare(x.Function, y.Function), x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	if instances == nil {
		instances = []rouse.Instance{}
	}
	return reply(c, http.StatusOK, instances)
}

// stopInstance lets an instance finish what it has. The answer does not wait for that.
func (a *api) stopInstance(c *gateway.Call) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	if err := a.Pool.StopInstance(rouse.InstanceID(id)); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusAccepted)
	return nil
}
