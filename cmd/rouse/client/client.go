// Package client speaks Rouse's REST API for the command line.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// Client calls one server. Its methods block until the answer is there or ctx
// ends. Errors are *rouse.Error: the server's own, or Unavailable when it
// cannot be reached.
type Client struct {
	base  string
	token string // ID:SECRET of a key, or ""
	http  *http.Client
}

// maxError bounds how much of an answer that is no JSON is read.
const maxError = 64 << 10

// maxIdle is how many connections are kept for calls that are made at once.
const maxIdle = 128

// New makes a client for a server's URL; one without a scheme is taken as http.
// token is a key that it shows, written as ID:SECRET, or "".
func New(server, token string) (*Client, error) {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, rouse.Errorf(rouse.Invalid, "server %q: write it like http://127.0.0.1:8080", server)
	}
	c := &Client{base: strings.TrimSuffix(u.String(), "/"), token: token}
	c.http = &http.Client{Transport: bearer{c, &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: maxIdle}}}
	return c, nil
}

// bearer shows the client's token to its own server and to nobody else.
type bearer struct {
	client *Client
	*http.Transport
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.client.token != "" && strings.HasPrefix(r.URL.String(), b.client.base+"/") {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.client.token)
	}
	return b.Transport.RoundTrip(r)
}

// Server is the URL that the client calls.
func (c *Client) Server() string { return c.base }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends a request and returns an answer with a status below 400. The caller
// closes its body.
func (c *Client) do(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	resp, err := c.send(ctx, method, path, header, body)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	defer resp.Body.Close()
	return nil, readError(resp)
}

// send sends a request and returns the answer, whatever it is. The caller closes
// its body.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, rouse.Errorf(rouse.Invalid, "%v", err)
	}
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	return resp, nil
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	var op *net.OpError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &rouse.Error{Code: rouse.Unavailable, Message: "no server answers at " + c.base, Cause: err}
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return &rouse.Error{Code: rouse.Unavailable, Message: "the server at " + c.base + " went away before it answered", Cause: err}
	case errors.As(err, &op):
		return &rouse.Error{Code: rouse.Unavailable, Message: fmt.Sprintf("no connection to %s: %v", c.base, op.Err), Cause: err}
	}
	return &rouse.Error{Code: rouse.Unavailable, Message: fmt.Sprintf("talking to %s: %v", c.base, err), Cause: err}
}

// readError makes an error of an answer that is one.
func readError(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil {
		return rouse.Errorf(rouse.Unavailable, "the server answered %s and broke off", resp.Status)
	}
	var envelope struct {
		Error *adminapi.ErrorBody `json:"error"`
	}
	if json.Unmarshal(b, &envelope) != nil || envelope.Error == nil || envelope.Error.Code == "" {
		return &rouse.Error{Code: rouse.Internal, Message: "the server answered " + resp.Status, Detail: strings.TrimSpace(string(b))}
	}
	return asError(*envelope.Error)
}

// asError names the request of an internal error, which only the log explains.
func asError(body adminapi.ErrorBody) error {
	if body.Code == rouse.Internal && body.RequestID != "" {
		body.Message += ", " + body.RequestID
	}
	return &rouse.Error{Code: body.Code, Message: body.Message, Detail: body.Detail, Type: body.Type, Trace: body.Trace}
}

// json sends in as JSON, unless it is nil, and reads the answer into out,
// unless that is nil.
func (c *Client) json(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	header := http.Header{"Accept": {"application/json"}}
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.do(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return rouse.Errorf(rouse.Unavailable, "the server's answer cannot be read: %v", err)
	}
	return nil
}

// lines calls each with every line of JSON in r until it ends.
func lines[T any](r io.Reader, each func(T) error) error {
	decoder := json.NewDecoder(r)
	for {
		var line T
		err := decoder.Decode(&line)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return rouse.Errorf(rouse.Unavailable, "the server's answer broke off: %w", err)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}
