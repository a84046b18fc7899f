package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rousehq/rouse"
)

// fewCells measures what happens when there are fewer spare cells than
// functions that are called, and what it costs to keep them for functions that
// nobody calls.
func fewCells(ctx context.Context, l *lab) ([]result, error) {
	plain, err := l.plain(ctx)
	if err != nil {
		return nil, err
	}
	crowd, err := l.fiftyOnEight(ctx, plain)
	if err != nil {
		return nil, err
	}
	asleep, err := l.thousandAsleep(ctx)
	return []result{crowd, asleep}, err
}

// fiftyOnEight calls fifty functions at once, for eight of which there is a
// cell, beside the engine alone making the containers of the others.
func (l *lab) fiftyOnEight(ctx context.Context, plain *container) (r result, err error) {
	const functions, cells = 50, 8
	p, spec, err := l.serveEcho(ctx, "few", "docker", "--cells", fmt.Sprint(cells))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	spec.Memory = 64 * rouse.MB
	settings := rouse.DefaultSettings()
	settings.Idle = rouse.Duration(20 * time.Second) // on neither side anything is removed while others start
	for n := range functions {
		if err := p.deploy(ctx, rouse.FunctionName(fmt.Sprintf("few-%d", n)), spec, settings); err != nil {
			return r, err
		}
	}
	var twins []*container
	for range functions - cells {
		twin, err := plain.twin(l)
		if err != nil {
			return r, err
		}
		twins = append(twins, twin)
	}
	got, err := alternate(min(l.rounds, 5), []string{"rouse", "engine"}, func(side string) (float64, error) {
		if err := errors.Join(p.gone(ctx), p.spares(ctx, cells)); err != nil {
			return 0, err
		}
		if side == "engine" {
			removes := make([]func() error, len(twins))
			took, err := together(len(twins), func(n int) (took time.Duration, err error) {
				took, removes[n], err = twins[n].run(ctx)
				return took, err
			})
			for _, remove := range removes {
				err = errors.Join(err, remove())
			}
			return took, err
		}
		return together(functions, func(n int) (time.Duration, error) {
			return post(ctx, http.DefaultClient, p.address(rouse.FunctionName(fmt.Sprintf("few-%d", n))), body, http.StatusOK)
		})
	})
	if err != nil {
		return r, err
	}
	own, engine := got.median("rouse"), got.median("engine")
	return judge(own <= 1.1*engine, result{
		Asked:    "50 different functions called once at the same moment, 8 spare cells, beside the engine alone making the other 42 containers at once (docker)",
		Bound:    "at most 1.1 ×",
		Measured: fmt.Sprintf("%.2f × (%.0f ms, engine %.0f ms)", own/engine, own, engine),
		Medians:  got.medians("ms"),
	}), nil
}

// together does n things at once and returns how long the slowest one took, in
// milliseconds.
func together(n int, do func(int) (time.Duration, error)) (float64, error) {
	type end struct {
		took time.Duration
		err  error
	}
	ends := make(chan end, n)
	for i := range n {
		go func() {
			took, err := do(i)
			ends <- end{took, err}
		}()
	}
	var slowest time.Duration
	var err error
	for range n {
		e := <-ends
		slowest, err = max(slowest, e.took), errors.Join(err, e.err)
	}
	return milliseconds(slowest), err
}

// twin is another container like c, with a folder of its own.
func (c *container) twin(l *lab) (*container, error) {
	dir, err := os.MkdirTemp(l.dir, "container")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	b, err := json.Marshal(c.config)
	if err != nil {
		return nil, err
	}
	twin := &container{engine: c.engine, socket: filepath.Join(dir, "api.sock"), name: filepath.Base(dir)}
	if err := json.Unmarshal(b, &twin.config); err != nil {
		return nil, err
	}
	host, _ := twin.config["HostConfig"].(map[string]any)
	mounts, _ := host["Mounts"].([]any)
	for _, m := range mounts {
		if mount, ok := m.(map[string]any); ok && mount["Target"] == "/rouse" {
			mount["Source"] = dir
		}
	}
	return twin, nil
}

// thousandAsleep measures a platform with functions that nobody calls and spare
// cells for whoever does, with what the engine runs for these.
func (l *lab) thousandAsleep(ctx context.Context) (r result, err error) {
	const functions, cells = 1000, 8
	if err := l.deployMany(ctx, "asleep", "docker", functions); err != nil {
		return r, err
	}
	p, err := l.serve("asleep", "docker", "--cells", fmt.Sprint(cells))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.spares(ctx, cells); err != nil {
		return r, err
	}
	time.Sleep(3 * time.Second) // what is only needed to start is given back, or is not
	own, _, err := memory(p.cmd.Process.Pid)
	if err != nil {
		return r, err
	}
	status, err := p.Status(ctx)
	if err != nil {
		return r, err
	}
	each := float64(status.Cells.Memory) / float64(rouse.MB)
	all := own + each*float64(status.Cells.Ready)
	return judge(all <= 200 && status.Cells.Ready == cells, result{
		Asked:    fmt.Sprintf("%d functions deployed and idle with %d spare cells: memory of the platform, cells and their engine's shims (docker)", functions, cells),
		Bound:    "at most 200 MB",
		Measured: fmt.Sprintf("%.0f MB (rouse %.0f MB, a cell with its shim %.1f MB)", all, own, each),
		Medians:  map[string]float64{"MB": all, "rouse MB": own, "cell MB": each},
	}), nil
}
