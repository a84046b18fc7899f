package adminapi

import (
	"net/http"

	"github.com/rousehq/rouse/gateway"
)

func (a *api) listKeys(c *gateway.Call) error {
	return reply(c, http.StatusOK, a.Keys.All())
}

// createKey answers with the secret, which nobody is told again.
func (a *api) createKey(c *gateway.Call) error {
	var asked NewKey
	if err := readJSON(c, &asked); err != nil {
		return err
	}
	key, err := a.Keys.Create(c.Request.Context(), asked.Name)
	if err != nil {
		return err
	}
	c.Writer.Header().Set("Cache-Control", "no-store")
	return reply(c, http.StatusCreated, key)
}

func (a *api) deleteKey(c *gateway.Call) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	if err := a.Keys.Remove(c.Request.Context(), id); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}
