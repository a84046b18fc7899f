package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
)

// body is what benchmarks send: 1 KB of JSON.
var body = []byte(`"` + string(bytes.Repeat([]byte("x"), 1022)) + `"`)

// post calls a function and returns how long that took. Any other answer than
// status is an error.
func post(ctx context.Context, c *http.Client, url string, body []byte, status int) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err == nil && res.StatusCode != status {
		err = fmt.Errorf("%s answered %s: %.300s", url, res.Status, answer)
	}
	return took, err
}

// cold measures the first answer of a function of which nothing is there.
func cold(ctx context.Context, l *lab) (results []result, err error) {
	docker, err := coldDocker(ctx, l)
	if err != nil {
		return nil, err
	}
	process, err := coldProcess(ctx, l)
	return []result{docker, process}, err
}

func coldDocker(ctx context.Context, l *lab) (result, error) {
	p, err := l.serve("cold", "docker")
	if err != nil {
		return result{}, err
	}
	defer p.Client.Close()
	r, err := l.beside(ctx, p)
	if stopErr := p.stop(); err == nil {
		err = stopErr
	}
	return r, err
}

// beside measures Rouse and the engine alone, with the very container that
// Rouse makes.
func (l *lab) beside(ctx context.Context, p *platform) (result, error) {
	url, err := l.gone(ctx, p)
	if err != nil {
		return result{}, err
	}
	plain, err := l.likeOf(ctx, p, url)
	if err != nil {
		return result{}, err
	}
	if _, err := p.UpdateSettings(ctx, "echo", map[string]any{"idle": "0s"}); err != nil {
		return result{}, err
	}
	got, err := alternate(l.rounds, []string{"rouse", "engine"}, func(side string) (float64, error) {
		if err := p.gone(ctx); err != nil {
			return 0, err
		}
		if side == "engine" {
			took, err := plain.first(ctx)
			return milliseconds(took), err
		}
		took, err := post(ctx, http.DefaultClient, url, body, http.StatusOK)
		return milliseconds(took), err
	})
	if err != nil {
		return result{}, err
	}
	own, engine := got.median("rouse"), got.median("engine")
	return judge(own <= 1.1*engine, result{
		Asked:    "first answer from nothing, Docker, static Go function, beside the engine's own create, start and first answer",
		Bound:    "at most 1.1 ×",
		Measured: fmt.Sprintf("%.2f × (%.0f ms, engine %.0f ms)", own/engine, own, engine),
		Medians:  got.medians("ms"),
	}), nil
}

// gone deploys the echo function and leaves it at zero.
func (l *lab) gone(ctx context.Context, p *platform) (url string, err error) {
	spec, err := p.code(ctx, l.function, "provided", "bootstrap")
	if err != nil {
		return "", err
	}
	return p.address("echo"), p.deploy(ctx, "echo", spec, rouse.DefaultSettings())
}

func coldProcess(ctx context.Context, l *lab) (result, error) {
	p, err := l.serve("cold-process", "process")
	if err != nil {
		return result{}, err
	}
	got, err := func() (samples, error) {
		url, err := l.gone(ctx, p)
		if err != nil {
			return nil, err
		}
		if _, err := p.UpdateSettings(ctx, "echo", map[string]any{"idle": "0s"}); err != nil {
			return nil, err
		}
		return alternate(l.rounds, []string{"rouse"}, func(string) (float64, error) {
			if err := p.gone(ctx); err != nil {
				return 0, err
			}
			took, err := post(ctx, http.DefaultClient, url, body, http.StatusOK)
			return milliseconds(took), err
		})
	}()
	if stopErr := p.stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return result{}, err
	}
	return result{
		Asked:    "first answer from nothing, process driver, static Go function",
		Measured: fmt.Sprintf("%.1f ms", got.median("rouse")),
		Verdict:  recorded,
		Medians:  got.medians("ms"),
	}, nil
}
