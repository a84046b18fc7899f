package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

const (
	firstPause = 200 * time.Microsecond
	longPause  = 5 * time.Millisecond
	// healthTime bounds one health request; a server may accept connections long
	// before it answers.
	healthTime = 5 * time.Second
)

// Ready blocks until the server accepts connections and, where there is a health
// path, answers it with 2xx. Listening sends no event, so it tries again and
// again, pausing from 0.2 to 5 ms. Errors are StartFailed: the process has ended,
// or ctx's deadline has passed.
func (t *Target) Ready(ctx context.Context) error {
	r, err := t.current()
	if err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		last := t.probe(ctx)
		if last == nil {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.over:
			timer.Stop()
			return r.failure(rouse.StartFailed, "the process ended before it listened on $PORT: ")
		case <-ctx.Done():
			timer.Stop()
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return ctx.Err()
			}
			return &rouse.Error{Code: rouse.StartFailed, Message: t.late(last), Cause: errors.Join(ctx.Err(), last)}
		}
	}
}

// late says for people what was not there in time.
func (t *Target) late(last error) string {
	var unhealthy *unhealthy
	if errors.As(last, &unhealthy) {
		return fmt.Sprintf("the health path %s answered %d and never 2xx", t.o.Health, unhealthy.status)
	}
	return "the code did not answer on 127.0.0.1:$PORT in time"
}

type unhealthy struct{ status int }

func (e *unhealthy) Error() string { return fmt.Sprintf("health: status %d", e.status) }

// probe tries once. The connection it makes is kept for the first request.
func (t *Target) probe(ctx context.Context) error {
	if t.o.Health == "" {
		conn, err := t.ep.Dial(ctx)
		if err != nil {
			return err
		}
		t.keepSpare(conn)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	path, query, _ := strings.Cut(t.o.Health, "?")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://function/", nil)
	if err != nil {
		return err
	}
	req.URL.Opaque, req.URL.RawQuery = path, query
	req.Header.Set("User-Agent", "Rouse-Health")
	res, err := t.exchange(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	// Read to its end, within reason, the connection serves the first request.
	if _, err := io.CopyN(io.Discard, res.Body, 64<<10); err != nil && err != io.EOF {
		return err
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return &unhealthy{res.StatusCode}
	}
	return nil
}
