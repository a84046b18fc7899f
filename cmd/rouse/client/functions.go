package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func functionPath(name rouse.FunctionName) string {
	return "/api/v1/functions/" + url.PathEscape(string(name))
}

// Functions lists every function.
func (c *Client) Functions(ctx context.Context) (fns []adminapi.FunctionView, err error) {
	return fns, c.json(ctx, http.MethodGet, "/api/v1/functions", nil, &fns)
}

// Function finds one function.
func (c *Client) Function(ctx context.Context, name rouse.FunctionName) (fn adminapi.FunctionView, err error) {
	return fn, c.json(ctx, http.MethodGet, functionPath(name), nil, &fn)
}

// Upload sends a zip archive with code. size is its length, or -1.
func (c *Client) Upload(ctx context.Context, zip io.Reader, size int64) (adminapi.Artifact, error) {
	var a adminapi.Artifact
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/artifacts", zip)
	if err != nil {
		return a, rouse.Errorf(rouse.Invalid, "%v", err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/zip")
	resp, err := c.http.Do(req)
	if err != nil {
		return a, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return a, readError(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return a, rouse.Errorf(rouse.Unavailable, "the server's answer cannot be read: %v", err)
	}
	return a, nil
}

// Deploy has a function run d's spec. progress is told of slow steps.
func (c *Client) Deploy(ctx context.Context, d rouse.Deployment, progress func(string)) (rouse.Deployed, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return rouse.Deployed{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/x-ndjson"}}
	resp, err := c.do(ctx, http.MethodPut, functionPath(d.Name), header, bytes.NewReader(b))
	if err != nil {
		return rouse.Deployed{}, err
	}
	defer resp.Body.Close()
	var result *rouse.Deployed
	err = lines(resp.Body, func(line adminapi.Progress) error {
		switch {
		case line.Error != nil:
			return asError(*line.Error)
		case line.Result != nil:
			result = line.Result
		case line.Message != "":
			progress(line.Message)
		}
		return nil
	})
	if err != nil {
		return rouse.Deployed{}, err
	}
	if result == nil {
		return rouse.Deployed{}, rouse.Errorf(rouse.Unavailable, "the server's answer broke off before the deployment was done")
	}
	return *result, nil
}

// UpdateSettings changes the settings that patch names, by their JSON keys.
func (c *Client) UpdateSettings(ctx context.Context, name rouse.FunctionName, patch map[string]any) (s rouse.Settings, err error) {
	var fn rouse.Function
	err = c.json(ctx, http.MethodPatch, functionPath(name)+"/settings", patch, &fn)
	return fn.Settings, err
}

// Delete removes a function; one with jobs that have not ended only with force.
func (c *Client) Delete(ctx context.Context, name rouse.FunctionName, force bool) error {
	path := functionPath(name)
	if force {
		path += "?force=true"
	}
	return c.json(ctx, http.MethodDelete, path, nil, nil)
}

// Instances lists what runs.
func (c *Client) Instances(ctx context.Context) (list []rouse.Instance, err error) {
	return list, c.json(ctx, http.MethodGet, "/api/v1/instances", nil, &list)
}

// Status is the platform at a glance.
func (c *Client) Status(ctx context.Context) (s adminapi.Status, err error) {
	return s, c.json(ctx, http.MethodGet, "/api/v1/status", nil, &s)
}

// Invoke sends a lambda function one event. id names the request, in logs too.
// The caller closes the answer.
func (c *Client) Invoke(ctx context.Context, ref rouse.Ref, id string, event io.Reader) (io.ReadCloser, error) {
	path := functionPath(ref.Name) + "/invocations"
	if ref.Qualifier != "" && ref.Qualifier != rouse.Latest {
		path += "?qualifier=" + url.QueryEscape(string(ref.Qualifier))
	}
	return c.call(ctx, http.MethodPost, path, id, event)
}

// Call sends an http function a request at its root: POST with a body, GET
// without. The caller closes the answer.
func (c *Client) Call(ctx context.Context, ref rouse.Ref, id string, body io.Reader) (io.ReadCloser, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	return c.call(ctx, method, "/fn/"+url.PathEscape(ref.String())+"/", id, body)
}

func (c *Client) call(ctx context.Context, method, path, id string, body io.Reader) (io.ReadCloser, error) {
	header := http.Header{"X-Request-Id": {id}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.do(ctx, method, path, header, body)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// LogQuery selects lines of a function's log.
type LogQuery struct {
	Tail      int    // 0 is all
	Since     string // a moment or how long ago
	RequestID string
	Follow    bool
}

// Logs calls each with what a function printed; with Follow until ctx ends.
func (c *Client) Logs(ctx context.Context, name rouse.FunctionName, q LogQuery, each func(adminapi.LogLine) error) error {
	values := url.Values{}
	if q.Tail > 0 {
		values.Set("tail", strconv.Itoa(q.Tail))
	}
	if q.Since != "" {
		values.Set("since", q.Since)
	}
	if q.RequestID != "" {
		values.Set("request_id", q.RequestID)
	}
	if q.Follow {
		values.Set("follow", "true")
	}
	resp, err := c.do(ctx, http.MethodGet, functionPath(name)+"/logs?"+values.Encode(), http.Header{"Accept": {"application/x-ndjson"}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	err = lines(resp.Body, func(line logLine) error {
		if line.Error != nil {
			return asError(*line.Error)
		}
		return each(line.LogLine)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

type logLine struct {
	adminapi.LogLine
	Error *adminapi.ErrorBody `json:"error"`
}
