package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/bootstrap"
)

// restart measures how long after a crash or a timeout the next request is
// answered, beside the same program's start from a shell on this host until its
// first answer.
func restart(ctx context.Context, l *lab) (results []result, err error) {
	p, err := l.serve("restart", driver(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	python, err := l.python()
	if err != nil {
		return nil, err
	}
	for _, fn := range []struct {
		name, runtime, handler, dir string
		shell                       []string
		env                         []string
	}{
		{"go", "provided", "bootstrap", l.function, []string{filepath.Join(l.function, "bootstrap")}, nil},
		{"python", "python3.11", "app.handler", python.Dir, python.Argv, python.Env},
	} {
		spec, err := p.code(ctx, fn.dir, fn.runtime, fn.handler)
		if err != nil {
			return nil, err
		}
		spec.Environment = map[string]string{"MISBEHAVE": "1"}
		spec.Timeout = rouse.Duration(time.Second)
		if err := p.deploy(ctx, rouse.FunctionName(fn.name), spec, rouse.DefaultSettings()); err != nil {
			return nil, err
		}
		url := p.address(rouse.FunctionName(fn.name))
		if _, err := post(ctx, http.DefaultClient, url, body, http.StatusOK); err != nil {
			return nil, err
		}
		late := samples{}
		got, err := alternate(l.rounds, []string{"crash", "timeout", "shell"}, func(side string) (float64, error) {
			switch side {
			case "crash":
				_, next, err := again(ctx, url, `"please crash"`, http.StatusBadGateway)
				return next, err
			case "timeout":
				took, next, err := again(ctx, url, `"please hang"`, http.StatusGatewayTimeout)
				late[side] = append(late[side], milliseconds(took-spec.Timeout.D()))
				return next, err
			}
			return fromShell(ctx, rouse.Command{Argv: fn.shell, Env: fn.env, Dir: fn.dir})
		})
		if err != nil {
			return nil, err
		}
		worst := max(got.median("crash"), got.median("timeout"))
		results = append(results, judge(worst-got.median("shell") <= 6, result{
			Asked:    "restart in place after a crash or a timeout, " + fn.name + ", beside the program's start from a shell",
			Bound:    "at most 6 ms above",
			Measured: fmt.Sprintf("%+.1f ms (crash %.1f ms, timeout %.1f ms, shell %.1f ms)", worst-got.median("shell"), got.median("crash"), got.median("timeout"), got.median("shell")),
			Medians:  got.medians("ms"),
		}), judge(late.p99("timeout") <= 20, result{
			Asked:    "a function that hangs, " + fn.name + ": answered behind its deadline, p99",
			Bound:    "at most 20 ms",
			Measured: fmt.Sprintf("%.1f ms (median %.1f ms)", late.p99("timeout"), late.median("timeout")),
		}))
	}
	return results, nil
}

// again has a function end as event says, and returns how long that took, and in
// milliseconds how long the next request does, sent as soon as the first has failed.
func again(ctx context.Context, url, event string, status int) (took time.Duration, next float64, err error) {
	if took, err = post(ctx, http.DefaultClient, url, []byte(event), status); err != nil {
		return 0, 0, err
	}
	after, err := post(ctx, http.DefaultClient, url, body, http.StatusOK)
	return took, milliseconds(after), err
}

// fromShell starts a program as a person would, until its first answer.
func fromShell(ctx context.Context, command rouse.Command) (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return 0, err
	}
	target, err := runtimeAPI("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer target.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `exec "$@"`, "sh"}, command.Argv...)...)
	cmd.Env = append(slices.Clone(command.Env), "AWS_LAMBDA_RUNTIME_API="+addr)
	cmd.Dir = command.Dir
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err = answer(ctx, target)
	took := time.Since(began)
	cmd.Process.Kill()
	cmd.Wait() // it was killed, which Wait calls an error
	return milliseconds(took), err
}

// python is how Rouse would start the Python function on this host.
func (l *lab) python() (rouse.Command, error) {
	dir, err := os.MkdirTemp(l.dir, "python")
	if err != nil {
		return rouse.Command{}, err
	}
	code, runtime := filepath.Join(dir, "code"), filepath.Join(dir, "runtime")
	if err := os.CopyFS(code, os.DirFS("bench/fn/python")); err != nil {
		return rouse.Command{}, err
	}
	if err := (bootstrap.Planner{}).Unpack(runtime); err != nil {
		return rouse.Command{}, err
	}
	// The system's own is what the image has, too; a version manager's is another build.
	const interpreter = "/usr/bin/python3.11"
	if _, err := os.Stat(interpreter); err != nil {
		return rouse.Command{}, err
	}
	spec := rouse.DefaultSpec()
	spec.Runtime, spec.Handler = "python3.11", "app.handler"
	plan, err := bootstrap.Planner{}.Plan(rouse.Revision{Function: "python", Spec: spec}, rouse.Layout{
		Task: code, Runtime: runtime, Tmp: "/tmp", RuntimeAPI: rouse.AddrVar, Interpreter: interpreter,
	})
	plan.Env = slices.DeleteFunc(plan.Env, func(v string) bool { return strings.HasPrefix(v, "AWS_LAMBDA_RUNTIME_API=") })
	return plan, err
}
