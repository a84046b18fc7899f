package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// Keys lists the keys, without their secrets.
func (c *Client) Keys(ctx context.Context) (keys []rouse.Key, err error) {
	return keys, c.json(ctx, http.MethodGet, "/api/v1/keys", nil, &keys)
}

// CreateKey makes a key. Its secret is not told again.
func (c *Client) CreateKey(ctx context.Context, name string) (key rouse.Key, err error) {
	return key, c.json(ctx, http.MethodPost, "/api/v1/keys", adminapi.NewKey{Name: name}, &key)
}

// DeleteKey has a key believed no more.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.json(ctx, http.MethodDelete, "/api/v1/keys/"+url.PathEscape(id), nil, nil)
}
