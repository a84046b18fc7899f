package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// figure is what one run of wrk measured.
type figure struct {
	rate     float64 // requests per second
	p50, p99 time.Duration
}

var (
	ratePattern = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	p50Pattern  = regexp.MustCompile(`(?m)^\s+50%\s+([0-9.]+(?:us|ms|s))`)
	p99Pattern  = regexp.MustCompile(`(?m)^\s+99%\s+([0-9.]+(?:us|ms|s))`)
	badPattern  = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: .*`)
)

// wrk posts body over conns connections for one slice. An answer that is not 2xx is an error.
func (l *lab) wrk(ctx context.Context, to front, conns int) (f figure, err error) {
	return l.wrkFor(ctx, to, conns, l.slice)
}

func (l *lab) wrkFor(ctx context.Context, to front, conns int, long time.Duration) (f figure, err error) {
	script := filepath.Join(l.dir, "post.lua")
	lua := fmt.Sprintf("wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '%s'\n", body)
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		return f, err
	}
	argv := append(slices.Clone(to.inside), "wrk", "-t1", "-c"+strconv.Itoa(conns), "-d"+strconv.Itoa(int(long.Seconds())),
		"--timeout", "30s", "--latency", "-s", script, to.url) // who is slow is slow, and nothing worse
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return f, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if f, err = read(out); err != nil {
		err = fmt.Errorf("wrk %s: %w", to.url, err)
	}
	return f, err
}

// read takes wrk's figures from what it printed.
func read(out []byte) (f figure, err error) {
	if bad := badPattern.Find(out); bad != nil {
		return f, fmt.Errorf("%s", bad)
	}
	said := func(p *regexp.Regexp) string {
		if m := p.FindSubmatch(out); m != nil {
			return string(m[1])
		}
		return ""
	}
	var wrong [3]error
	f.rate, wrong[0] = strconv.ParseFloat(said(ratePattern), 64)
	f.p50, wrong[1] = time.ParseDuration(said(p50Pattern))
	f.p99, wrong[2] = time.ParseDuration(said(p99Pattern))
	if err := errors.Join(wrong[:]...); err != nil {
		return f, fmt.Errorf("%w in %s", err, out)
	}
	return f, nil
}

// warmed measures fronts in turn: the median at one connection in microseconds,
// and the throughput at 32.
func (l *lab) warmed(ctx context.Context, f fronts) (p50, rate samples, err error) {
	for _, side := range f.sides { // what grows on first use has grown
		if _, err := l.wrk(ctx, f.by[side], 32); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", side, err)
		}
	}
	p50, err = alternate(l.rounds, f.sides, func(side string) (float64, error) {
		got, err := l.wrk(ctx, f.by[side], 1)
		return float64(got.p50) / float64(time.Microsecond), err
	})
	if err != nil {
		return nil, nil, err
	}
	rate, err = alternate(l.rounds, f.sides, func(side string) (float64, error) {
		got, err := l.wrk(ctx, f.by[side], 32)
		return got.rate, err
	})
	return p50, rate, err
}
