package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// Resume is Launch's counterpart for a sandbox of an earlier host process: it
// blocks until the agent has reconnected or ctx ends, and returns what the
// record says it runs, with what the agent kept. A sandbox that was never
// given a revision is an error. It is called once.
func (l *Link) Resume(ctx context.Context, inspect rouse.Inspect) (rouse.RevisionID, rouse.Endpoint, error) {
	if l.record.Relayed != nil && !l.host.relays() {
		return "", rouse.Endpoint{}, errors.New("the agent of this sandbox would come over TCP, and nobody listens for it")
	}
	if err := l.Connected(ctx); err != nil {
		return "", rouse.Endpoint{}, err
	}
	l.mu.Lock()
	rec, hello := l.record.Launched, l.hello
	l.mu.Unlock()
	if rec == nil || hello.Run == 0 {
		return "", rouse.Endpoint{}, fmt.Errorf("sandbox %s was never given a revision", l.id)
	}
	if err := l.begin(inspect); err != nil {
		return "", rouse.Endpoint{}, err
	}
	ep := rouse.Endpoint{Process: process{l}, Keeper: keeper{l}, Extensions: rec.Extensions, Local: l.local}
	if err := l.takeBack(ctx, *rec, hello.Held, &ep); err != nil {
		ep.Close()
		return "", rouse.Endpoint{}, err
	}
	return rec.Revision, ep, nil
}

// takeBack gets the descriptors that the agent held.
func (l *Link) takeBack(ctx context.Context, rec launched, held []string, ep *rouse.Endpoint) error {
	if rec.Contract == rouse.ContractLambda {
		listener, err := l.take(ctx, wire.HeldListener)
		if err != nil {
			return err
		}
		if ep.RuntimeAPI, err = listener.listener(rec.Port); err != nil {
			return err
		}
	} else {
		ep.Dial = func(ctx context.Context) (net.Conn, error) { return l.way().dial(ctx, rec.Port) }
	}
	if rec.Platform != "" {
		port, err := portOf("platform endpoint", rec.Platform)
		if err != nil {
			return err
		}
		listener, err := l.take(ctx, wire.HeldPlatform)
		if err != nil {
			return err
		}
		if ep.Platform, err = listener.listener(port); err != nil {
			return err
		}
		ep.PlatformToken = rec.PlatformToken
	}
	for i, output := range outputsOf(ep) {
		if name := outputNames[i]; name == wire.HeldExtensions && !slices.Contains(held, name) {
			continue
		}
		var err error
		if *output, err = l.takePipe(ctx, outputNames[i]); err != nil {
			return err
		}
	}
	return l.takeKept(ctx, rec.Port, held, ep)
}

// takeKept gets the connections, and from our own record which of them waits.
func (l *Link) takeKept(ctx context.Context, port int, held []string, ep *rouse.Endpoint) error {
	ep.Kept = &rouse.Kept{Conns: map[int]net.Conn{}, Waiting: l.state.waiting()}
	slices.Sort(held)
	for _, name := range slices.Compact(held) {
		slot, ok := keptSlot(name)
		if !ok {
			continue
		}
		kept, err := l.take(ctx, name)
		if err != nil {
			return err
		}
		conn, err := kept.kept(port)
		if err != nil { // it was closed meanwhile, by the process
			l.log.Debug("a kept connection is of no use", "slot", slot, "error", err)
			keeper{l}.Drop(slot)
			continue
		}
		ep.Kept.Conns[slot] = conn
		l.mu.Lock()
		l.slots[slot] = true
		l.mu.Unlock()
	}
	// Who registered for what was known to the host that died.
	if ep.Kept.Conns[ep.Kept.Waiting] == nil || len(ep.Extensions) > 0 {
		ep.Kept.Waiting = -1
	}
	return nil
}

func (l *Link) takePipe(ctx context.Context, name string) (io.ReadCloser, error) {
	kept, err := l.take(ctx, name)
	if err != nil {
		return nil, err
	}
	return kept.pipe(name)
}

// take gets a duplicate of what the agent holds under name.
func (l *Link) take(ctx context.Context, name string) (things, error) {
	_, beside, err := l.ask(ctx, wire.Message{Kind: wire.KindTake, Name: name}, 1)
	return beside, err
}
