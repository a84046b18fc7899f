package lambda

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// The subscription's endpoints: the Telemetry API, and the Logs API before it.
const (
	telemetryPath = "/2022-07-01/telemetry"
	logsPath      = "/2020-08-15/logs"
)

// subscribe answers a PUT to the Telemetry or the Logs API.
func (c *conn) subscribe(req *request) bool {
	x, fault := c.caller(req)
	if fault != nil {
		return c.refuse(req, http.StatusForbidden, fault.kind, fault.message)
	}
	if !c.proceed(req) {
		return false
	}
	body, _, err := c.in.body(req, maxRegister)
	if err != nil {
		c.reply(http.StatusBadRequest, "ValidationError", "the body is too large or cut short", true)
		return false
	}
	s, port, err := parseSubscription(body)
	if err != nil {
		return c.reply(http.StatusBadRequest, "ValidationError", err.Error(), req.close)
	}
	s.name = x.name
	c.t.subscribe(s, port)
	return c.send(http.StatusOK, "OK", req.close)
}

// parseSubscription reads what an extension asks for, within AWS's bounds.
func parseSubscription(body []byte) (s *subscription, port int, err error) {
	asked := struct {
		Types       []string  `json:"types"`
		Buffering   buffering `json:"buffering"`
		Destination struct {
			Protocol string `json:"protocol"`
			URI      string `json:"URI"`
		} `json:"destination"`
	}{Buffering: buffering{MaxItems: 10000, MaxBytes: 262144, TimeoutMs: 1000}}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, 0, fmt.Errorf("the body is not a subscription in JSON")
	}
	types := make(map[string]bool)
	for _, kind := range asked.Types {
		if kind != "platform" && kind != "function" && kind != "extension" {
			return nil, 0, fmt.Errorf("types: %q must be platform, function or extension", clip(kind))
		}
		types[kind] = true
	}
	if len(types) == 0 {
		return nil, 0, fmt.Errorf("types: name at least one of platform, function and extension")
	}
	for _, bound := range []struct {
		name            string
		value, low, top int
	}{
		{"maxItems", asked.Buffering.MaxItems, 1000, 10000},
		{"maxBytes", asked.Buffering.MaxBytes, 262144, 1048576},
		{"timeoutMs", asked.Buffering.TimeoutMs, 25, 30000},
	} {
		if bound.value < bound.low || bound.value > bound.top {
			return nil, 0, fmt.Errorf("buffering.%s: %d must be %d to %d", bound.name, bound.value, bound.low, bound.top)
		}
	}
	if asked.Destination.Protocol != "HTTP" {
		return nil, 0, fmt.Errorf("destination.protocol: %q must be HTTP", clip(asked.Destination.Protocol))
	}
	to, err := url.Parse(asked.Destination.URI)
	if err != nil || to.Scheme != "http" || !slices.Contains([]string{"sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"}, to.Hostname()) {
		return nil, 0, fmt.Errorf("destination.URI: %q must be http://sandbox.localdomain:PORT", clip(asked.Destination.URI))
	}
	if port, err = strconv.Atoi(to.Port()); err != nil || port < 1 || port > 65535 {
		return nil, 0, fmt.Errorf("destination.URI: %q must name a port", clip(asked.Destination.URI))
	}
	return &subscription{types: types, url: to.String(), limits: asked.Buffering, full: make(chan struct{}, 1)}, port, nil
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
