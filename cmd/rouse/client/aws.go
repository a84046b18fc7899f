package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/rousehq/rouse"
)

// Queues and mappings have AWS's API, of Rouse as of everybody: the client speaks
// it, and shows its key where others sign.

// Queue is a queue with SQS's attributes.
type Queue struct {
	Name       string
	ARN        string
	Attributes map[string]string
}

// Queue finds a queue or returns a NotFound error.
func (c *Client) Queue(ctx context.Context, name string) (Queue, error) {
	var out struct{ Attributes map[string]string }
	err := c.sqs(ctx, "GetQueueAttributes", map[string]any{"QueueUrl": c.queueURL(name), "AttributeNames": []string{"All"}}, &out)
	return Queue{Name: name, ARN: out.Attributes["QueueArn"], Attributes: out.Attributes}, err
}

// CreateQueue makes a queue; the same again is no error.
func (c *Client) CreateQueue(ctx context.Context, name string, attributes map[string]string) error {
	return c.sqs(ctx, "CreateQueue", map[string]any{"QueueName": name, "Attributes": attributes}, nil)
}

// SetQueue changes some attributes of a queue.
func (c *Client) SetQueue(ctx context.Context, name string, attributes map[string]string) error {
	return c.sqs(ctx, "SetQueueAttributes", map[string]any{"QueueUrl": c.queueURL(name), "Attributes": attributes}, nil)
}

func (c *Client) queueURL(name string) string { return c.base + "/queue/" + url.PathEscape(name) }

// Mapping is an event source mapping as Lambda's API has it.
type Mapping struct {
	UUID                           string `json:",omitempty"`
	EventSourceArn                 string `json:",omitempty"` // or a queue's URL
	FunctionName                   string `json:",omitempty"` // when it is sent
	FunctionArn                    string `json:",omitempty"` // when it comes
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	Enabled                        bool // when it is sent
	FunctionResponseTypes          []string
	ScalingConfig                  MappingScaling
	FilterCriteria                 MappingFilters
	State                          rouse.MappingState `json:",omitempty"`
	Tags                           map[string]string  `json:",omitempty"`
	EventSourceMappingArn          string             `json:",omitempty"`
}

// MappingScaling bounds a mapping's calls.
type MappingScaling struct {
	MaximumConcurrency int `json:",omitempty"`
}

// MappingFilters are a mapping's patterns.
type MappingFilters struct{ Filters []MappingFilter }

// MappingFilter is one of them.
type MappingFilter struct{ Pattern string }

const mappings = "/2015-03-31/event-source-mappings/"

// Mappings lists every event source mapping of a function.
func (c *Client) Mappings(ctx context.Context, fn rouse.FunctionName) (list []Mapping, err error) {
	query := url.Values{"FunctionName": {string(fn)}}
	for {
		var page struct {
			EventSourceMappings []Mapping
			NextMarker          string
		}
		if err := c.aws(ctx, http.MethodGet, mappings+"?"+query.Encode(), nil, nil, &page); err != nil {
			return nil, err
		}
		if list = append(list, page.EventSourceMappings...); page.NextMarker == "" {
			return list, nil
		}
		query.Set("Marker", page.NextMarker)
	}
}

// CreateMapping has a function called with a queue's messages.
func (c *Client) CreateMapping(ctx context.Context, m Mapping) error {
	return c.aws(ctx, http.MethodPost, mappings, nil, m, nil)
}

// ChangeMapping gives the mapping with m.UUID m's settings.
func (c *Client) ChangeMapping(ctx context.Context, m Mapping) error {
	path := mappings + url.PathEscape(m.UUID)
	m.UUID, m.EventSourceArn, m.Tags = "", "", nil
	return c.aws(ctx, http.MethodPut, path, nil, m, nil)
}

// DeleteMapping removes a mapping; calls that run end by themselves.
func (c *Client) DeleteMapping(ctx context.Context, id string) error {
	return c.aws(ctx, http.MethodDelete, mappings+url.PathEscape(id), nil, nil, nil)
}

// Tags are those of what has an ARN.
func (c *Client) Tags(ctx context.Context, arn string) (map[string]string, error) {
	var out struct{ Tags map[string]string }
	return out.Tags, c.aws(ctx, http.MethodGet, "/2017-03-31/tags/"+url.PathEscape(arn), nil, nil, &out)
}

// sqs calls an operation of SQS.
func (c *Client) sqs(ctx context.Context, operation string, in, out any) error {
	return c.aws(ctx, http.MethodPost, "/", http.Header{"X-Amz-Target": {"AmazonSQS." + operation}, "Content-Type": {"application/x-amz-json-1.0"}}, in, out)
}

// aws is json for AWS's APIs, whose errors have another form.
func (c *Client) aws(ctx context.Context, method, path string, header http.Header, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	resp, err := c.send(ctx, method, path, header, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return awsError(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return rouse.Errorf(rouse.Unavailable, "the server's answer cannot be read: %v", err)
	}
	return nil
}

// awsError makes an error of an answer that is one.
func awsError(resp *http.Response) error {
	var e struct {
		Type    string `json:"__type"`
		Message string // in either spelling
	}
	if json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxError)).Decode(&e) != nil {
		return rouse.Errorf(rouse.Unavailable, "the server answered %s", resp.Status)
	}
	name := resp.Header.Get("X-Amzn-Errortype") + e.Type
	code := rouse.Unavailable
	switch {
	case strings.Contains(name, "QueueDoesNotExist"), resp.StatusCode == http.StatusNotFound:
		code = rouse.NotFound
	case resp.StatusCode == http.StatusForbidden, strings.Contains(name, "Token"), strings.Contains(name, "UnrecognizedClient"):
		code = rouse.Unauthorized
	case resp.StatusCode == http.StatusConflict:
		code = rouse.Conflict
	case resp.StatusCode == http.StatusTooManyRequests:
		code = rouse.Throttled
	case resp.StatusCode < 500:
		code = rouse.Invalid
	}
	return &rouse.Error{Code: code, Message: e.Message}
}
