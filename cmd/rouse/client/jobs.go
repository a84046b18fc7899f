package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rousehq/rouse"
)

// Submit has a function called later with body, and returns when that is on disk.
func (c *Client) Submit(ctx context.Context, ref rouse.Ref, body io.Reader, webhook string) (j rouse.JobAccepted, err error) {
	query := url.Values{}
	if ref.Qualifier != "" && ref.Qualifier != rouse.Latest {
		query.Set("qualifier", string(ref.Qualifier))
	}
	if webhook != "" {
		query.Set("webhook_url", webhook)
	}
	resp, err := c.do(ctx, http.MethodPost, functionPath(ref.Name)+"/jobs?"+query.Encode(), http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return j, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&j); err != nil {
		return j, rouse.Errorf(rouse.Unavailable, "the server's answer cannot be read: %v", err)
	}
	return j, nil
}

func jobPath(id string) string { return "/api/v1/jobs/" + url.PathEscape(id) }

// Jobs lists jobs, one page.
func (c *Client) Jobs(ctx context.Context, f rouse.JobFilter) (page rouse.JobPage, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"function": string(f.Function), "status": string(f.State), "after": f.After} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Most > 0 {
		query.Set("limit", strconv.Itoa(f.Most))
	}
	return page, c.json(ctx, http.MethodGet, "/api/v1/jobs?"+query.Encode(), nil, &page)
}

// Job is one job as it is now.
func (c *Client) Job(ctx context.Context, id string) (j rouse.JobView, err error) {
	return j, c.json(ctx, http.MethodGet, jobPath(id), nil, &j)
}

// WaitJob blocks until a job has ended.
func (c *Client) WaitJob(ctx context.Context, id string) (j rouse.JobView, err error) {
	for j.Status == "" || !j.Status.Done() {
		resp, err := c.do(ctx, http.MethodGet, jobPath(id), http.Header{"Prefer": {"wait=30"}}, nil)
		if err != nil {
			return j, err
		}
		j = rouse.JobView{}
		err = json.NewDecoder(resp.Body).Decode(&j)
		resp.Body.Close()
		if err != nil {
			return j, rouse.Errorf(rouse.Unavailable, "the server's answer cannot be read: %v", err)
		}
	}
	return j, nil
}

// JobResult is what the function answered. The caller closes it.
func (c *Client) JobResult(ctx context.Context, id string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, jobPath(id)+"/result", nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// CancelJob ends a job and blocks until that has happened.
func (c *Client) CancelJob(ctx context.Context, id string) (j rouse.JobView, err error) {
	return j, c.json(ctx, http.MethodDelete, jobPath(id), nil, &j)
}

// RedriveJob has a job that failed or expired run anew.
func (c *Client) RedriveJob(ctx context.Context, id string) (j rouse.JobView, err error) {
	return j, c.json(ctx, http.MethodPost, jobPath(id)+"/redrive", nil, &j)
}

// RedriveJobs is RedriveJob for all of a function's; it says how many there were.
func (c *Client) RedriveJobs(ctx context.Context, name rouse.FunctionName) (int, error) {
	var answer struct{ Redriven int }
	err := c.json(ctx, http.MethodPost, functionPath(name)+"/jobs/redrive", nil, &answer)
	return answer.Redriven, err
}

// PauseJobs has none of a function's jobs begin, or again when on is false.
func (c *Client) PauseJobs(ctx context.Context, name rouse.FunctionName, on bool) error {
	verb := "/jobs/resume"
	if on {
		verb = "/jobs/pause"
	}
	return c.json(ctx, http.MethodPost, functionPath(name)+verb, nil, nil)
}

// WebhookSecret is what a function's webhooks are signed with.
func (c *Client) WebhookSecret(ctx context.Context, name rouse.FunctionName) (string, error) {
	var answer struct{ Secret string }
	err := c.json(ctx, http.MethodGet, functionPath(name)+"/webhook-secret", nil, &answer)
	return answer.Secret, err
}
