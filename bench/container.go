package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/lambda"
)

// container is one that the engine makes without Rouse: the function is its
// first process, and answers over a unix socket in a mounted folder, since it has
// no network.
type container struct {
	engine *engine
	config map[string]any // of /containers/create
	socket string         // where the function finds the Runtime API
	n      int
	name   string // tells twins apart
}

// likeOf makes a container's configuration from the one that Rouse makes for the
// function at url: the same image, mounts, limits and rights, and the engine
// has no less to do.
func (l *lab) likeOf(ctx context.Context, p *platform, url string) (*container, error) {
	if _, err := post(ctx, http.DefaultClient, url, body, http.StatusOK); err != nil {
		return nil, err
	}
	list, err := p.Instances(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%d instances, want 1", len(list))
	}
	e := newEngine()
	var found struct{ Config, HostConfig map[string]any }
	if err := e.call(ctx, "GET", "/containers/rouse-"+string(list[0].ID)+"/json", nil, &found); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "container")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	mounts, _ := found.HostConfig["Mounts"].([]any)
	for _, m := range mounts {
		if mount, ok := m.(map[string]any); ok && mount["Target"] == "/rouse" {
			mount["Source"] = dir
		}
	}
	config := map[string]any{
		"Image": found.Config["Image"], "User": found.Config["User"],
		"Entrypoint": []string{"/var/task/bootstrap"}, "Env": []string{"BENCH_SOCKET=/rouse/api.sock"},
		"Healthcheck": found.Config["Healthcheck"], "HostConfig": found.HostConfig,
	}
	return &container{engine: e, config: config, socket: filepath.Join(dir, "api.sock")}, nil
}

// first creates and starts a container, takes its function's first answer, and
// removes it, which is not measured.
func (c *container) first(ctx context.Context) (took time.Duration, err error) {
	took, remove, err := c.run(ctx)
	return took, errors.Join(err, remove())
}

// run is first without the removal, which is the caller's, whatever the error.
func (c *container) run(ctx context.Context) (took time.Duration, remove func() error, err error) {
	remove = func() error { return nil }
	target, err := runtimeAPI("unix", c.socket)
	if err != nil {
		return 0, remove, err
	}
	defer target.Close()
	began := time.Now()
	c.n++
	var made struct{ ID string }
	if err := c.engine.call(ctx, "POST", fmt.Sprintf("/containers/create?name=rouse-bench-%d-%d%s", os.Getpid(), c.n, c.name), c.config, &made); err != nil {
		return 0, remove, err
	}
	remove = func() error {
		return c.engine.call(context.WithoutCancel(ctx), "DELETE", "/containers/"+made.ID+"?force=1", nil, nil)
	}
	if err := c.engine.call(ctx, "POST", "/containers/"+made.ID+"/start", nil, nil); err != nil {
		return 0, remove, err
	}
	if err := answer(ctx, target); err != nil {
		return 0, remove, err
	}
	return time.Since(began), remove, nil
}

// runtimeAPI serves a function that Rouse has no part in starting.
func runtimeAPI(network, addr string) (*lambda.Target, error) {
	l, err := net.Listen(network, addr)
	if err != nil {
		return nil, err
	}
	return lambda.New(rouse.Endpoint{RuntimeAPI: l, Process: unwatched{}}, lambda.Options{Timeout: time.Minute}), nil
}

// answer takes a target's first answer.
func answer(ctx context.Context, target *lambda.Target) error {
	if err := target.Ready(ctx); err != nil {
		return err
	}
	_, err := target.Invoke(ctx, &rouse.Event{ID: "00000000-0000-4000-8000-000000000000", Payload: body})
	return err
}

// unwatched is a process that somebody else looks after.
type unwatched struct{}

func (unwatched) Wait(ctx context.Context) (rouse.Exit, error) {
	<-ctx.Done()
	return rouse.Exit{}, ctx.Err()
}
func (unwatched) Kill(context.Context) error    { return nil }
func (unwatched) Restart(context.Context) error { return nil }
func (unwatched) Freeze(context.Context) error  { return nil }
func (unwatched) Thaw(context.Context) error    { return nil }
