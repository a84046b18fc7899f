package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// Publish gives what a function runs now a number.
func (c *Client) Publish(ctx context.Context, name rouse.FunctionName, description string) (v rouse.Version, err error) {
	return v, c.json(ctx, http.MethodPost, functionPath(name)+"/versions", adminapi.Publication{Description: description}, &v)
}

// Revisions lists the revisions that a function points at.
func (c *Client) Revisions(ctx context.Context, name rouse.FunctionName) (revs []rouse.Revision, err error) {
	return revs, c.json(ctx, http.MethodGet, functionPath(name)+"/revisions", nil, &revs)
}

// SetAlias points an alias, new or not.
func (c *Client) SetAlias(ctx context.Context, name rouse.FunctionName, q rouse.Qualifier, alias rouse.Alias) error {
	return c.json(ctx, http.MethodPut, functionPath(name)+"/aliases/"+url.PathEscape(string(q)), alias, nil)
}

// DeleteAlias removes an alias.
func (c *Client) DeleteAlias(ctx context.Context, name rouse.FunctionName, q rouse.Qualifier) error {
	return c.json(ctx, http.MethodDelete, functionPath(name)+"/aliases/"+url.PathEscape(string(q)), nil, nil)
}
