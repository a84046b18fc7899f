package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/controller/artifact/pack"
)

// platform is a Rouse that runs as a process of its own.
type platform struct {
	*client.Client
	cmd *exec.Cmd
	log string // its log's file
}

// serve starts Rouse on a free port, with data below the scratch folder, and
// blocks until it listens.
func (l *lab) serve(data, driver string, options ...string) (*platform, error) {
	dir := filepath.Join(l.dir, data)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := dir + ".log"
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd := exec.Command(l.rouse, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--driver", driver}, options...)...)
	// Each sandbox is made when it is needed: a spare one would hide what is measured.
	cmd.Env = append(os.Environ(), "ROUSE_CELLS=0")
	cmd.Stderr = file
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(line, "serves at ")
	if err != nil || !ok {
		cmd.Process.Kill()
		text, _ := os.ReadFile(name)
		return nil, fmt.Errorf("rouse serve: %q: %w: %s", line, errors.Join(err, cmd.Wait()), text)
	}
	url, _, _ = strings.Cut(url, " ")
	c, err := client.New(url, "")
	return &platform{Client: c, cmd: cmd, log: name}, err
}

// serveEcho is serve, with the spec of the function that is measured.
func (l *lab) serveEcho(ctx context.Context, data, driver string, options ...string) (*platform, rouse.Spec, error) {
	p, err := l.serve(data, driver, options...)
	if err != nil {
		return nil, rouse.Spec{}, err
	}
	spec, err := p.code(ctx, l.function, "provided", "bootstrap")
	if err != nil {
		return nil, rouse.Spec{}, errors.Join(err, p.stop())
	}
	return p, spec, nil
}

// stop ends Rouse as an operator would. It returns an error when that went wrong.
func (p *platform) stop() error {
	p.Client.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		text, _ := os.ReadFile(p.log)
		return fmt.Errorf("rouse serve: %w: %s", err, text)
	}
	return nil
}

// code uploads a folder and returns the spec of a function that runs it.
func (p *platform) code(ctx context.Context, dir, runtime, handler string) (rouse.Spec, error) {
	var archive bytes.Buffer
	if _, err := pack.Dir(ctx, &archive, dir); err != nil {
		return rouse.Spec{}, err
	}
	a, err := p.Upload(ctx, &archive, int64(archive.Len()))
	if err != nil {
		return rouse.Spec{}, err
	}
	spec := rouse.DefaultSpec()
	spec.Artifact = rouse.Artifact{Code: a.Digest, Size: a.Size}
	spec.Runtime, spec.Handler = runtime, handler
	return spec, nil
}

// deploy makes a function without starting it.
func (p *platform) deploy(ctx context.Context, name rouse.FunctionName, spec rouse.Spec, settings rouse.Settings) error {
	_, err := p.Deploy(ctx, rouse.Deployment{Name: name, Spec: spec, Settings: &settings}, func(string) {})
	return err
}

// address is where a function is called.
func (p *platform) address(name rouse.FunctionName) string {
	return p.Server() + "/fn/" + string(name) + "/"
}

// gone blocks until no instance is left.
func (p *platform) gone(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		list, err := p.Instances(ctx)
		return len(list) == 0, err
	})
}

// until blocks until check says so. What it waits for is outside of a measurement.
func until(ctx context.Context, check func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if ok, err := check(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
