package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/rousehq/rouse"
)

// crowd is what became of requests that were sent at once, by the status of
// their answers. Errors of Rouse's own say why; an answer that does not counts
// as lost, and so does a request without one.
type crowd struct {
	mu     sync.Mutex
	status map[int]int
	lost   int
}

// send sends n requests at once and blocks until all have ended.
func send(ctx context.Context, url string, n int) *crowd {
	c := &http.Client{Transport: &http.Transport{MaxIdleConns: n, MaxIdleConnsPerHost: n}}
	defer c.CloseIdleConnections()
	result := &crowd{status: map[int]int{}}
	var all sync.WaitGroup
	for range n {
		all.Go(func() { result.count(one(ctx, c, url)) })
	}
	all.Wait()
	return result
}

func (c *crowd) count(status int, reason bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status[status]++
	if status != http.StatusOK && !reason {
		c.lost++
	}
}

// one sends one request and says how it was answered, and whether a refusal
// gives its reason.
func one(ctx context.Context, c *http.Client, url string) (status int, reason bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, false
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return 0, false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, false
	}
	var said struct {
		Error struct {
			Code    rouse.Code `json:"code"`
			Message string     `json:"message"`
		} `json:"error"`
	}
	if res.StatusCode != http.StatusOK {
		reason = json.Unmarshal(b, &said) == nil && said.Error.Code != "" && said.Error.Message != ""
	}
	return res.StatusCode, reason
}

func (c *crowd) String() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(c.status)) {
		parts = append(parts, fmt.Sprintf("%d × %d", c.status[status], status))
	}
	return strings.Join(parts, ", ")
}
