package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// telemetryTime is how long a subscriber may take over one delivery.
const telemetryTime = time.Second

// record is one telemetry event.
type record struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

// subscription is an extension's wish to be sent telemetry.
type subscription struct {
	name   string
	types  map[string]bool // platform, function, extension
	url    string
	limits buffering
	client http.Client
	full   chan struct{} // has room for one signal: a delivery is due
	stop   context.CancelFunc

	mu      sync.Mutex // guards the rest
	buffer  []json.RawMessage
	size    int
	dropped int // records, and bytes, since the last word about it
	lost    int
}

// buffering is how much is gathered before it is sent.
type buffering struct {
	MaxItems  int `json:"maxItems"`
	MaxBytes  int `json:"maxBytes"`
	TimeoutMs int `json:"timeoutMs"`
}

// add buffers a record. A subscriber that has fallen behind by twice what it
// asked for loses what comes.
func (s *subscription) add(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buffer) >= 2*s.limits.MaxItems || s.size+len(b) > 2*s.limits.MaxBytes {
		s.dropped++
		s.lost += len(b)
		return
	}
	s.buffer = append(s.buffer, b)
	s.size += len(b)
	if len(s.buffer) >= s.limits.MaxItems || s.size >= s.limits.MaxBytes {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
}

// run delivers until ctx ends.
func (s *subscription) run(ctx context.Context) {
	defer s.stop()
	tick := time.NewTicker(time.Duration(s.limits.TimeoutMs) * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.full:
		case <-ctx.Done():
			s.client.CloseIdleConnections()
			return
		}
		s.deliver(ctx)
	}
}

// deliver sends what is buffered and blocks until it is taken, or is not, which
// counts as dropped.
func (s *subscription) deliver(ctx context.Context) {
	s.mu.Lock()
	batch, size := s.buffer, s.size
	dropped, lost := s.dropped, s.lost
	s.buffer, s.size, s.dropped, s.lost = nil, 0, 0, 0
	s.mu.Unlock()
	if dropped > 0 {
		batch = append(batch, encode(stamped("platform.logsDropped", map[string]any{
			"reason":         "Consumer seems to have fallen behind",
			"droppedRecords": dropped, "droppedBytes": lost,
		})))
	}
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, telemetryTime)
	defer cancel()
	if s.post(ctx, encode(batch)) == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += len(batch)
	s.lost += size
}

func (s *subscription) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()                                     //nolint:errcheck // nothing is lost with it
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // so that the connection can be used again
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the subscriber answered %s", resp.Status)
	}
	return nil
}

func stamped(kind string, of any) record {
	return record{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, of}
}

// emit sends telemetry about the platform. Nobody's wish for it costs one load.
// It must not be called with mu held.
func (t *Target) emit(kind string, of func() map[string]any) {
	if subs := t.subs.Load(); subs != nil {
		t.send("platform", *subs, stamped(kind, of()))
	}
}

func (t *Target) send(category string, subs []*subscription, r record) {
	var b []byte
	for _, s := range subs {
		if s.types[category] {
			if b == nil {
				b = encode(r)
			}
			s.add(b)
		}
	}
}

// printed is told of each line that the function or an extension prints, once
// somebody has subscribed to them.
func (t *Target) printed(text string, extension bool) {
	kind := "function"
	if extension {
		kind = "extension"
	}
	if subs := t.subs.Load(); subs != nil {
		var said any = text
		if t.json() && strings.HasPrefix(text, "{") && json.Valid([]byte(text)) {
			said = json.RawMessage(text)
		}
		t.send(kind, *subs, stamped(kind, said))
	}
}

// subscribe begins to send telemetry to an extension, in place of what it had
// subscribed to before.
func (t *Target) subscribe(s *subscription, port int) {
	s.client.Timeout = telemetryTime
	s.client.Transport = &http.Transport{
		MaxIdleConnsPerHost: 1,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return t.ep.Local(ctx, port)
		},
	}
	t.mu.Lock()
	if t.closed || t.ending {
		t.mu.Unlock()
		return
	}
	var all []*subscription
	if old := t.subs.Load(); old != nil {
		for _, o := range *old {
			if o.name == s.name {
				o.stop()
			} else {
				all = append(all, o)
			}
		}
	}
	all = append(all, s)
	t.subs.Store(&all)
	phase, polled := t.initPhase(), !t.polled.IsZero()
	done := t.initRuntimeDone()
	var ctx context.Context
	ctx, s.stop = context.WithCancel(t.telemetryContext())
	t.work.Go(func() { s.run(ctx) }) // under mu and before closed: Close waits
	t.mu.Unlock()
	t.o.Output.Follow(t.printed)
	// What it has missed of the init comes late, but comes.
	own := []*subscription{s}
	t.send("platform", own, stamped("platform.initStart", t.initStart(phase)))
	t.emit("platform.telemetrySubscription", func() map[string]any {
		return map[string]any{"name": s.name, "state": "Subscribed", "types": sortedKeys(s.types)}
	})
	if polled {
		t.send("platform", own, stamped("platform.initRuntimeDone", done))
	}
}

// telemetryContext ends with the present run. The caller holds mu.
func (t *Target) telemetryContext() context.Context {
	if t.telemetry == nil {
		t.telemetry, t.endTelemetry = context.WithCancel(t.ctx)
	}
	return t.telemetry
}

// flushTelemetry delivers what is buffered, before a run ends.
func (t *Target) flushTelemetry(ctx context.Context) {
	if subs := t.subs.Load(); subs != nil {
		for _, s := range *subs {
			s.deliver(ctx)
		}
	}
}

func (t *Target) initType() string {
	if t.o.Provisioned {
		return "provisioned-concurrency"
	}
	return "on-demand"
}
