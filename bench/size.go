package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// size measures the programs on disk, and an agent at rest.
func size(ctx context.Context, l *lab) (results []result, err error) {
	server, err := megabytes(l.rouse)
	if err != nil {
		return nil, err
	}
	agent, err := megabytes(l.agent)
	if err != nil {
		return nil, err
	}
	d := driver(ctx)
	p, err := l.serve("size", d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	url, err := l.gone(ctx, p)
	if err != nil {
		return nil, err
	}
	for range 100 {
		if _, err := post(ctx, http.DefaultClient, url, body, http.StatusOK); err != nil {
			return nil, err
		}
	}
	list, err := p.Instances(ctx)
	if err != nil || len(list) != 1 {
		return nil, fmt.Errorf("%d instances: %w", len(list), err)
	}
	pid, err := agentOf(list[0].ID)
	if err != nil {
		return nil, err
	}
	resident, _, err := memory(pid)
	if err != nil {
		return nil, err
	}
	return []result{
		judge(resident < 6, result{
			Asked: "rouse-agent's resident memory at rest (" + d + ")", Bound: "under 6 MB",
			Measured: fmt.Sprintf("%.1f MB", resident),
		}),
		judge(agent < 4, result{
			Asked: "rouse-agent on disk", Bound: "under 4 MB", Measured: fmt.Sprintf("%.1f MB", agent),
		}),
		{Asked: "rouse on disk", Measured: fmt.Sprintf("%.1f MB", server), Verdict: recorded},
	}, nil
}

func megabytes(file string) (float64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}

// agentOf finds the process that has the sandbox's id in its environment and
// is an agent. It needs the right to read that.
func agentOf(id rouse.InstanceID) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		env, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(env), "="+string(id)+"\x00") {
			continue // it has ended, or is another one
		}
		if name, err := os.ReadFile(filepath.Join(dir, "comm")); err == nil && strings.HasPrefix(string(name), "rouse-agent") {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, errors.New("the agent's process cannot be found")
}
