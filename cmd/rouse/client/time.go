package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// Arrange blocks until the next request of ref would begin with next.From.
func (c *Client) Arrange(ctx context.Context, ref rouse.Ref, next adminapi.NextStart) error {
	return c.json(ctx, http.MethodPut, functionPath(ref.Name)+"/next-start?qualifier="+url.QueryEscape(string(ref.Qualifier)), next, nil)
}

// Timed is what is left of an answer when only its time counts.
type Timed struct {
	Took   time.Duration  // from the request's first byte to the answer's last
	From   rouse.Tier     // what the request met
	Phases []rouse.Timing // what it waited for, as the server measured it
}

// TimeEvent is Invoke with a clock.
func (c *Client) TimeEvent(ctx context.Context, ref rouse.Ref, event []byte) (Timed, error) {
	path := functionPath(ref.Name) + "/invocations?qualifier=" + url.QueryEscape(string(ref.Qualifier))
	return c.time(ctx, http.MethodPost, path, event)
}

// TimeRequest sends an http function a request to a path of its own, POST with
// a body, GET without.
func (c *Client) TimeRequest(ctx context.Context, ref rouse.Ref, path string, body []byte) (Timed, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	return c.time(ctx, method, "/fn/"+url.PathEscape(ref.String())+path, body)
}

func (c *Client) time(ctx context.Context, method, path string, body []byte) (t Timed, err error) {
	header := http.Header{"X-Request-Id": {uuid.NewString()}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	began := time.Now()
	resp, err := c.do(ctx, method, path, header, bytes.NewReader(body))
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return t, rouse.Errorf(rouse.Unavailable, "the server's answer broke off: %w", err)
	}
	t.Took = time.Since(began)
	t.From = rouse.Tier(resp.Header.Get("X-Rouse-Start"))
	// The function's own answer may have the header, too; Rouse's is the last.
	if timings := resp.Header.Values("Server-Timing"); t.From != rouse.TierWarm && len(timings) > 0 {
		t.Phases = parseTimings(timings[len(timings)-1])
	}
	return t, nil
}

// parseTimings reads a Server-Timing header as Rouse writes it: "queue;dur=0.1, init;dur=2.5".
func parseTimings(header string) (phases []rouse.Timing) {
	for metric := range strings.SplitSeq(header, ",") {
		name, duration, _ := strings.Cut(strings.TrimSpace(metric), ";dur=")
		ms, err := strconv.ParseFloat(duration, 64)
		if err != nil {
			continue // somebody else's
		}
		phases = append(phases, rouse.Timing{Phase: rouse.Phase(name), Took: time.Duration(ms * float64(time.Millisecond))})
	}
	return phases
}
