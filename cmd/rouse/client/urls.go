package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/rousehq/rouse"
)

// URL is a function URL as Lambda's API has it.
type URL struct {
	FunctionUrl string        `json:",omitempty"` // when it comes
	AuthType    rouse.URLAuth `json:",omitempty"`
	InvokeMode  rouse.URLMode `json:",omitempty"`
	Cors        *URLCORS      `json:",omitempty"`
}

// URLCORS says which pages of other origins browsers let read a URL's answers.
type URLCORS struct {
	AllowCredentials bool     `json:",omitempty"`
	AllowHeaders     []string `json:",omitempty"`
	AllowMethods     []string `json:",omitempty"`
	AllowOrigins     []string `json:",omitempty"`
	ExposeHeaders    []string `json:",omitempty"`
	MaxAge           int      `json:",omitempty"`
}

// PutURL gives a function, or an alias of it, a URL; with replace it changes the
// one that is there, which keeps its address.
func (c *Client) PutURL(ctx context.Context, ref rouse.Ref, u URL, replace bool) (made URL, err error) {
	method := http.MethodPost
	if replace {
		method = http.MethodPut
	}
	return made, c.aws(ctx, method, qualified("/2021-10-31/functions/", ref, "/url"), nil, u, &made)
}

// DeleteURL takes a URL away.
func (c *Client) DeleteURL(ctx context.Context, ref rouse.Ref) error {
	return c.aws(ctx, http.MethodDelete, qualified("/2021-10-31/functions/", ref, "/url"), nil, nil, nil)
}

// Permission is a statement of a function's resource policy.
type Permission struct {
	StatementId           string
	Action                string
	Principal             string
	FunctionUrlAuthType   rouse.URLAuth `json:",omitempty"`
	InvokedViaFunctionUrl bool          `json:",omitempty"`
}

// AddPermission adds a statement. One of the same id is a Conflict.
func (c *Client) AddPermission(ctx context.Context, ref rouse.Ref, p Permission) error {
	return c.aws(ctx, http.MethodPost, qualified("/2015-03-31/functions/", ref, "/policy"), nil, p, nil)
}

// RemovePermission removes a statement. One that is not there is NotFound.
func (c *Client) RemovePermission(ctx context.Context, ref rouse.Ref, id string) error {
	return c.aws(ctx, http.MethodDelete, qualified("/2015-03-31/functions/", ref, "/policy/"+url.PathEscape(id)), nil, nil, nil)
}

// qualified is a path of Lambda's API to what ref names.
func qualified(before string, ref rouse.Ref, after string) string {
	path := before + url.PathEscape(string(ref.Name)) + after
	if ref.Qualifier != "" && ref.Qualifier != rouse.Latest {
		path += "?Qualifier=" + url.QueryEscape(string(ref.Qualifier))
	}
	return path
}
