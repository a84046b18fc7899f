package proxy

import (
	"net/http"

	"github.com/rousehq/rouse/gateway"
)

// confine keeps a function's service worker to the function's own path: pages of
// others, and of Rouse itself, have the same origin, and a worker that a browser
// believed with them could read and rewrite what they are answered.
func confine(h http.Header, c *gateway.Call) {
	if _, script := c.Request.Header["Service-Worker"]; script && c.Prefix != "" {
		h["Service-Worker-Allowed"] = []string{c.Prefix + "/"}
	}
}
