package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/docker/docker/client"

	"github.com/rousehq/rouse"
)

// callTimeout bounds every call to the engine but a pull. A busy engine takes
// seconds, one that takes longer is as good as gone.
const callTimeout = 30 * time.Second

// call makes one call to the engine within its deadline. An engine that does
// not answer is an Unavailable error; others say what was tried and keep the
// engine's own error as their cause.
func call(ctx context.Context, what string, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := f(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case errors.Is(err, fs.ErrPermission):
		return unavailable("the user that rouse runs as may not use the Docker engine's socket", what, err)
	case limited.Err() != nil || unanswered(err):
		return unavailable("the Docker engine does not answer", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func unavailable(message, what string, err error) error {
	return &rouse.Error{
		Code:       rouse.Unavailable,
		Message:    message,
		RetryAfter: time.Second,
		Cause:      fmt.Errorf("%s: %w", what, err),
	}
}

func unanswered(err error) bool {
	var network *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
