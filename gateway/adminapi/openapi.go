package adminapi

import (
	_ "embed"
	"net/http"

	"github.com/rousehq/rouse/gateway"
)

//go:embed openapi.json
var openAPIDocument []byte

func (a *api) openAPI(c *gateway.Call) error {
	return replyRaw(c, http.StatusOK, openAPIDocument)
}

// schema answers with the JSON Schema of rouse.yaml, for editors.
func (a *api) schema(c *gateway.Call) error {
	return replyRaw(c, http.StatusOK, a.Schema)
}
