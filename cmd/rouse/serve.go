package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse/gateway/lane"
)

const (
	headTimeout = 10 * time.Second // for a request's head to arrive
	idleTimeout = 2 * time.Minute  // of a kept-alive connection
	maxHead     = 64 << 10

	// headroom counts as a part of the heap and is never touched, so it costs
	// addresses and no memory. The collector runs when the heap has doubled, which a
	// small one under load would do dozens of times a second.
	headroom = 16 << 20
)

func (a *app) serveCommand() *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the platform",
		Long: "Run the platform in the foreground. The first SIGTERM or Ctrl-C lets requests finish, the\n" +
			"second does not. Settings come from flags, then ROUSE_* variables, then the file, then defaults;\n" +
			"rouse config shows what comes of them.",
		Example: "  rouse serve\n" +
			"  rouse serve --data ./data --listen 127.0.0.1:0 --driver process\n" +
			"  rouse serve --config rouse-server.yaml",
		Args: cobra.NoArgs,
	}
	flags.add(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, _, err := flags.load(cmd.Flags(), a.getenv)
		if err != nil {
			return usageError{err}
		}
		return a.serve(cmd.Context(), c)
	}
	return cmd
}

// serve runs the platform until ctx ends, then lets requests finish until the
// drain timeout or a.now ends, and leaves nothing behind.
func (a *app) serve(ctx context.Context, c config) error {
	defer runtime.KeepAlive(make([]byte, headroom))
	log := a.logger(c)
	// Whoever connects from now on is answered as soon as the platform can.
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return listenError(c.Listen, err)
	}
	p, err := openPlatform(ctx, c, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	halls := p.handler(stopping)
	quick := lane.New(lane.Config{Pick: halls.brisk, Other: halls, Idle: idleTimeout, Log: log})
	server := &http.Server{
		Handler:           quick,
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(listener) }()
	go func() { ended <- server.Serve(quick) }()
	err = a.announce(c, p, listener.Addr())

	if err == nil {
		select {
		case err = <-ended:
		case <-ctx.Done():
			log.Info("stopping", "drain_timeout", c.DrainTimeout)
		}
	}
	stop()
	return errors.Join(err, a.shutDown(c, p, server, quick), removeAddress(c))
}

// listenError says what may help.
func listenError(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen %s: the address is in use, perhaps by another rouse; name another with --listen, whose port 0 is any that is free", address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen %s: permission denied; ports below 1024 are for root", address)
	}
	return err
}

// shutDown drains listener and instances at the same time, since requests end
// with their instances' answers and instances with their requests.
func (a *app) shutDown(c config, p *platform, server *http.Server, quick *lane.Lane) error {
	ctx, cancel := context.WithTimeout(a.now, c.DrainTimeout.D())
	defer cancel()
	p.draining.Store(true)
	var served error
	var draining sync.WaitGroup
	draining.Go(func() {
		if served = server.Shutdown(ctx); served != nil {
			served = server.Close()
		}
	})
	draining.Go(func() { _ = quick.Shutdown(ctx) }) // what is late is cut, here as there
	err := p.close(ctx)
	draining.Wait()
	return errors.Join(served, err)
}

// announce tells people and scripts where the platform listens.
func (a *app) announce(c config, p *platform, addr net.Addr) error {
	url := "http://" + reachable(addr)
	if err := replaceFile(addressFile(c), strings.NewReader(url+"\n"), 0o644); err != nil {
		return fmt.Errorf("writing the address file: %w", err)
	}
	p.log.Info("serving", "url", url, "driver", p.driver.Name(), "why", p.reason, "starts", cellsText(p.cells()), "sockets", p.sockets(), "data", c.Data, "version", version())
	_, err := fmt.Fprintf(a.stdout, "Rouse serves at %s (driver %s)\n", url, p.driver.Name())
	return err
}

// reachable is an address by which this machine reaches a listener, also one on
// all of its addresses.
func reachable(listener net.Addr) string {
	at, ok := listener.(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return listener.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(at.Port))
}

// addressFile holds the server's URL while it serves.
func addressFile(c config) string { return filepath.Join(c.Data, "address") }

func removeAddress(c config) error {
	if err := os.Remove(addressFile(c)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
