package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	p50Pattern  = regexp.MustCompile(`50%\s+([0-9.]+(?:us|ms|s))`)
	p99Pattern  = regexp.MustCompile(`99%\s+([0-9.]+(?:us|ms|s))`)
	badPattern  = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: .*`)
)

// wrk posts body to url over conns connections. An answer that is not 2xx is an error.
func (l *lab) wrk(ctx context.Context, url string, conns int) (f figure, err error) {
	script := filepath.Join(l.dir, "post.lua")
	lua := fmt.Sprintf("wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '%s'\n", body)
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		return f, err
	}
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(conns), "-d"+strconv.Itoa(int(l.slice.Seconds())),
		"--latency", "-s", script, url).CombinedOutput()
	if err != nil {
		return f, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if bad := badPattern.Find(out); bad != nil {
		return f, fmt.Errorf("wrk: %s: %s", url, bad)
	}
	said := func(p *regexp.Regexp) string {
		if m := p.FindSubmatch(out); m != nil {
			return string(m[1])
		}
		return ""
	}
	if f.rate, err = strconv.ParseFloat(said(ratePattern), 64); err != nil {
		return f, fmt.Errorf("wrk said %s", out)
	}
	if f.p50, err = time.ParseDuration(said(p50Pattern)); err != nil {
		return f, err
	}
	f.p99, err = time.ParseDuration(said(p99Pattern))
	return f, err
}

// warmed measures fronts in turn: the median at one connection in microseconds,
// and the throughput at 32.
func (l *lab) warmed(ctx context.Context, sides []string, urls map[string]string) (p50, rate samples, err error) {
	for _, side := range sides { // what grows on first use has grown
		if _, err := l.wrk(ctx, urls[side], 32); err != nil {
			return nil, nil, err
		}
	}
	p50, err = alternate(l.rounds, sides, func(side string) (float64, error) {
		f, err := l.wrk(ctx, urls[side], 1)
		return float64(f.p50) / float64(time.Microsecond), err
	})
	if err != nil {
		return nil, nil, err
	}
	rate, err = alternate(l.rounds, sides, func(side string) (float64, error) {
		f, err := l.wrk(ctx, urls[side], 32)
		return f.rate, err
	})
	return p50, rate, err
}
