package adminapi

import (
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// listRevisions answers with the revisions that the function points at, $LATEST first.
func (a *api) listRevisions(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	revisions := []rouse.Revision{}
	for _, id := range fn.Revisions() {
		revision, err := a.Catalog.Revision(id)
		if err != nil {
			return err
		}
		revisions = append(revisions, *revision)
	}
	return reply(c, http.StatusOK, revisions)
}

// publish gives $LATEST a number. The body may be left out.
func (a *api) publish(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	var p Publication
	raw, err := readBody(c)
	if err != nil {
		return err
	}
	if len(raw) > 0 {
		if err := decode(raw, &p); err != nil {
			return err
		}
	}
	version, err := a.Catalog.Publish(c.Request.Context(), fn.Name, p.Description)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, version)
}
