package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// arrangeTimeout bounds how long a start's conditions may take to come about: an
// engine that has just made many sandboxes is slow with the next.
const arrangeTimeout = 2 * time.Minute

// putNextStart has what the qualifier names let its instances go, and answers
// when the next request would start from the tier that the body names.
func (a *api) putNextStart(c *gateway.Call) error {
	if err := a.resolve(c); err != nil {
		return err
	}
	var next NextStart
	if err := readJSON(c, &next); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), arrangeTimeout)
	defer cancel()
	switch err := a.Pool.Arrange(ctx, c.Revision.ID, next.From, next.Force); {
	case err != nil && c.Request.Context().Err() != nil:
		return gateway.ErrClientGone
	case err != nil && ctx.Err() != nil:
		return rouse.Errorf(rouse.Timeout, "from %s: that did not come about within %s", next.From, arrangeTimeout)
	case err != nil:
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}
