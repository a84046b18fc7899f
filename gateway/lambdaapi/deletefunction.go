package lambdaapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// deleteFunction removes a function, or with a qualifier one version of it. What
// runs is finished.
func (a *api) deleteFunction(r *request) (any, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return nil, err
	}
	if t.qualifier == rouse.Latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	gone := withStatus{status: http.StatusNoContent}
	if t.qualifier == "" {
		return gone, a.gone(t, a.Catalog.Delete(r.Request.Context(), t.name))
	}
	number, err := strconv.Atoi(string(t.qualifier))
	if err != nil {
		return nil, invalid("Deletion of aliases is not currently supported.")
	}
	_, err = a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		var users []string
		for name, alias := range fn.Aliases {
			if alias.Version == number || alias.Second == number {
				users = append(users, string(name))
			}
		}
		if slices.Sort(users); len(users) > 0 {
			return conflict("Unable to delete version because the following aliases reference it: [%s]", strings.Join(users, ", "))
		}
		fn.Versions = slices.DeleteFunc(fn.Versions, func(v rouse.Version) bool { return v.Number == number })
		delete(fn.Provisioned, t.qualifier)
		if fn.Lambda != nil {
			delete(fn.Lambda.Policies, t.qualifier)
			delete(fn.Lambda.Async, t.qualifier)
		}
		return nil
	})
	return gone, a.gone(t, err)
}
