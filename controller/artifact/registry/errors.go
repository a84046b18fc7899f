package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/rousehq/rouse"
)

// explain says in words for people why an image cannot be had.
func explain(ctx context.Context, ref string, repo name.Repository, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known *rouse.Error
	if errors.As(err, &known) {
		return err
	}
	at := repo.RegistryStr()
	e := &rouse.Error{Code: rouse.StartFailed, Cause: err}
	var answer *transport.Error
	switch {
	case errors.Is(err, remote.ErrSchema1):
		e.Code, e.Message = rouse.Invalid, fmt.Sprintf("image %s: it is published in a form of before 2017; push it again", ref)
	case !errors.As(err, &answer):
		e.Code, e.RetryAfter = rouse.Unavailable, time.Second
		e.Message = fmt.Sprintf("image %s: the registry %s cannot be reached, or its answer cannot be read: %v", ref, at, reason(err))
	case answer.StatusCode == http.StatusNotFound:
		e.Cause = errors.Join(rouse.ErrNoImage, err)
		e.Message = fmt.Sprintf("image %s: the registry %s has no such image", ref, at)
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		e.Cause = errors.Join(rouse.ErrImageDenied, err)
		e.Message = fmt.Sprintf("image %s: the registry %s does not give it to us: it does not exist, or `docker login %s` is needed by the user who runs Rouse", ref, at, at)
	case answer.StatusCode == http.StatusTooManyRequests:
		e.Code, e.RetryAfter = rouse.Unavailable, time.Minute
		e.Message = fmt.Sprintf("image %s: the registry %s says that it was asked too often; `docker login %s` may raise its limit", ref, at, at)
	default:
		e.Code, e.RetryAfter = rouse.Unavailable, time.Second
		e.Message = fmt.Sprintf("image %s: the registry %s answered %d %s", ref, at, answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return e
}

// reason is what went wrong on the way, without the request that it went wrong with.
func reason(err error) error {
	if way := (*url.Error)(nil); errors.As(err, &way) {
		return way.Err
	}
	return err
}
