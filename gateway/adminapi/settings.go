package adminapi

import (
	"encoding/json"
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// patchSettings changes the settings that the body names and keeps the rest.
func (a *api) patchSettings(c *gateway.Call) error {
	fn, err := a.function(c)
	if err != nil {
		return err
	}
	var patch json.RawMessage
	if patch, err = readBody(c); err != nil {
		return err
	}
	if err := decode(patch, &rouse.Settings{}); err != nil {
		return err
	}
	changed, err := a.Catalog.UpdateSettings(c.Request.Context(), fn.Name, func(s *rouse.Settings) error {
		if s.Reserved != nil { // decoding writes through the pointer, which others read
			reserved := *s.Reserved
			s.Reserved = &reserved
		}
		before := s.Webhook
		if err := json.Unmarshal(patch, s); err != nil || s.Webhook == "" || s.Webhook == before {
			return err
		}
		return a.Webhook(s.Webhook)
	})
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, changed)
}
