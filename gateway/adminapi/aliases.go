package adminapi

import (
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// putAlias makes an alias or points it elsewhere.
func (a *api) putAlias(c *gateway.Call) error {
	fn, name, err := a.alias(c)
	if err != nil {
		return err
	}
	var alias rouse.Alias
	if err := readJSON(c, &alias); err != nil {
		return err
	}
	if err := a.Catalog.SetAlias(c.Request.Context(), fn.Name, name, alias); err != nil {
		return err
	}
	return reply(c, http.StatusOK, alias)
}

func (a *api) deleteAlias(c *gateway.Call) error {
	fn, name, err := a.alias(c)
	if err != nil {
		return err
	}
	if err := a.Catalog.DeleteAlias(c.Request.Context(), fn.Name, name); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}

// alias is the function and the alias' name that the path speaks of.
func (a *api) alias(c *gateway.Call) (*rouse.Function, rouse.Qualifier, error) {
	fn, err := a.function(c)
	if err != nil {
		return nil, "", err
	}
	word, err := param(c, "alias")
	if err != nil {
		return nil, "", err
	}
	name, err := rouse.ParseAlias(word)
	return fn, name, err
}
