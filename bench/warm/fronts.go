package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/hold"
	"github.com/rousehq/rouse/gateway/limit"
	"github.com/rousehq/rouse/gateway/proxy"
	"github.com/rousehq/rouse/gateway/route"
	rhttp "github.com/rousehq/rouse/runtime/http"
	"github.com/rousehq/rouse/runtime/lambda"
)

// listen serves h on a free port, which it prints.
func listen(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, h)
}

// echo is the server behind the fronts.
func echo([]string) error {
	return listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(b)
	}))
}

// reverse is what Rouse is measured against.
func reverse(args []string) error {
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: args[0]})
	p.Transport = &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
	p.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}}
	// Clients that leave at the end of a measurement are no news.
	p.ErrorLog = log.New(io.Discard, "", 0)
	return listen(p)
}

// buffers spares the ReverseProxy an allocation that Rouse's proxy does not make either.
type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte  { return b.Pool.Get().([]byte) }
func (b *buffers) Put(x []byte) { b.Pool.Put(x) } //lint:ignore SA6002 httputil.BufferPool deals in slices

// forward is Rouse with the http contract.
func forward(args []string) error {
	target := rhttp.New(rouse.Endpoint{
		Process: idle{},
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", args[0])
		},
	}, rhttp.Options{})
	if err := target.Ready(context.Background()); err != nil {
		return err
	}
	return listen(data(rouse.ContractHTTP, lender(64, target)))
}

// invoke is Rouse with the lambda contract and four instances.
func invoke([]string) error {
	const instances = 4
	var targets []rouse.Target
	for range instances {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		target := lambda.New(rouse.Endpoint{RuntimeAPI: l, Process: idle{}}, lambda.Options{Timeout: 30 * time.Second})
		cmd := exec.Command(os.Args[0], "fn", l.Addr().String())
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		if err := target.Ready(context.Background()); err != nil {
			return err
		}
		targets = append(targets, target)
	}
	return listen(data(rouse.ContractLambda, lender(1, targets...)))
}

// idle is a process that only ever runs.
type idle struct{}

func (idle) Wait(ctx context.Context) (rouse.Exit, error) {
	<-ctx.Done()
	return rouse.Exit{}, ctx.Err()
}
func (idle) Kill(context.Context) error    { return nil }
func (idle) Restart(context.Context) error { return nil }
func (idle) Freeze(context.Context) error  { return nil }
func (idle) Thaw(context.Context) error    { return nil }

// data is the data path with all its stations.
func data(contract rouse.Contract, leaser rouse.Leaser) http.Handler {
	fn := &rouse.Function{Name: "echo", Settings: rouse.DefaultSettings()}
	rev := &rouse.Revision{ID: "r", Function: "echo", Spec: rouse.DefaultSpec()}
	rev.Spec.Contract = contract
	router := route.New(only{fn, rev})
	return gateway.Entry(gateway.Chain(proxy.New().Handle, router.Station, limit.Station(limit.Limits{}), hold.Station(leaser)),
		slog.New(slog.DiscardHandler))
}

// only resolves every name to one function.
type only struct {
	fn  *rouse.Function
	rev *rouse.Revision
}

func (o only) Resolve(rouse.Ref) (*rouse.Function, *rouse.Revision, error) { return o.fn, o.rev, nil }

// slots is a Leaser over instances that are always ready.
type slots chan rouse.Target

func lender(concurrency int, targets ...rouse.Target) slots {
	s := make(slots, concurrency*len(targets))
	for range concurrency {
		for _, t := range targets {
			s <- t
		}
	}
	return s
}

func (s slots) Acquire(ctx context.Context, _ rouse.RevisionID, _ rouse.Bytes) (*rouse.Lease, error) {
	select {
	case t := <-s:
		lease := rouse.NewLease(func(error) { s <- t })
		lease.Target = t
		return lease, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// function speaks the Runtime API on a raw connection and echoes events.
func function(args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	poll := []byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: rouse\r\n\r\n")
	out := append([]byte(nil), poll...)
	var body []byte
	for {
		if _, err := conn.Write(out); err != nil {
			return err
		}
		head, err := readHead(r)
		if err != nil {
			return err
		}
		if body, err = readBody(r, body, head.length); err != nil {
			return err
		}
		out = fmt.Appendf(out[:0], "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: rouse\r\nContent-Length: %d\r\n\r\n%s",
			head.id, len(body), body)
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if head, err = readHead(r); err != nil {
			return err
		}
		if body, err = readBody(r, body, head.length); err != nil {
			return err
		}
		out = append(out[:0], poll...)
	}
}
