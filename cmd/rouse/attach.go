package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/imports"
	"github.com/rousehq/rouse/controller/logs"
	"github.com/rousehq/rouse/runtime/http"
	"github.com/rousehq/rouse/runtime/lambda"
)

// quiet is how long nothing may have been printed before the log of a failed
// start is taken to be whole: it travels by another way than the news of the end.
const quiet = 25 * time.Millisecond

// attacher opens the host's side of instances' contracts.
type attacher struct {
	logs     *logs.Logs
	maxEvent rouse.Bytes
	place    rouse.Place
	imports  *imports.Imports
	inside   *inside
	log      *slog.Logger
}

// attach is the pool's Attach: it makes the target of rev's contract and has
// the instance's output collected.
func (a attacher) attach(rev rouse.Revision, id rouse.InstanceID, ep rouse.Endpoint) (rouse.Target, error) {
	target, err := a.contract(rev, id, ep)
	if err != nil {
		if ep.Platform != nil {
			err = errors.Join(err, ep.Platform.Close())
		}
		return nil, err
	}
	a.inside.open(rev, id, ep)
	return target, nil
}

func (a attacher) contract(rev rouse.Revision, id rouse.InstanceID, ep rouse.Endpoint) (rouse.Target, error) {
	source := logs.Source{Function: rev.Function, Revision: rev.ID, Instance: id}
	log := a.log.With("function", rev.Function, "instance", id)
	switch rev.Spec.Contract {
	case rouse.ContractLambda:
		output, err := a.logs.Collect(source, ep.Stdout, ep.Stderr, ep.ExtensionOutput)
		if err != nil {
			return nil, errors.Join(err, ep.RuntimeAPI.Close())
		}
		var learn func([]string)
		if rev.Spec.LearnsZygote() {
			learn = func(modules []string) { a.imports.Learn(rev.Function, modules) }
		}
		target := lambda.New(ep, lambda.Options{
			Imports: learn,
			Timeout: rev.Spec.Timeout.D(), MaxEvent: int(a.maxEvent), ARN: a.place.ARN(rev.Function, ""),
			Runtime: cmp.Or(rev.Spec.Runtime, "image"), Version: rev.Spec.Version,
			Function: string(rev.Function), Handler: rev.Spec.Handler, Provisioned: rev.Provisioned, Account: a.place.Account, Region: a.place.Region, Memory: rev.Spec.Memory, Logging: rev.Spec.Logging, Traced: rev.Spec.Traced, Output: output, Log: log,
		})
		return lambdaTarget{target, output, rev.Spec, ep.Platform}, nil
	case rouse.ContractHTTP:
		target := http.New(ep, http.Options{Health: rev.Spec.Health, Log: log})
		output, err := a.logs.Collect(source, ep.Stdout, ep.Stderr, ep.ExtensionOutput)
		if err != nil {
			return nil, errors.Join(err, target.Close())
		}
		return httpTarget{target, output, rev.Spec, ep.Platform}, nil
	}
	return nil, fmt.Errorf("no contract %q", rev.Spec.Contract)
}

// lambdaTarget and httpTarget add the last lines of the log to a failed start.
type lambdaTarget struct {
	*lambda.Target
	output   *logs.Collector
	spec     rouse.Spec
	platform net.Listener // nil for none
}

type httpTarget struct {
	*http.Target
	output   *logs.Collector
	spec     rouse.Spec
	platform net.Listener // nil for none
}

var (
	_ rouse.EventTarget = lambdaTarget{}
	_ rouse.Target      = httpTarget{}
)

func (t lambdaTarget) Ready(ctx context.Context) error {
	return withLog(ctx, t.Target.Ready(ctx), t.output, &t.spec)
}

func (t httpTarget) Ready(ctx context.Context) error {
	return withLog(ctx, t.Target.Ready(ctx), t.output, &t.spec)
}

func (t lambdaTarget) Close() error { return errors.Join(t.Target.Close(), closeListener(t.platform)) }

func (t httpTarget) Close() error { return errors.Join(t.Target.Close(), closeListener(t.platform)) }

// closeListener is idempotent, as a target's Close is.
func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func withLog(ctx context.Context, err error, output *logs.Collector, spec *rouse.Spec) error {
	var e *rouse.Error
	if !errors.As(err, &e) || e.Code != rouse.StartFailed || e.Detail != "" {
		return err
	}
	output.Settle(ctx, quiet)
	explained := *e
	explained.Detail = strings.Join(output.Tail(), "\n")
	if more := advice(spec, explained.Detail, errors.Is(err, context.DeadlineExceeded)); more != "" {
		explained.Message += "; " + more
	}
	return &explained
}
