// Command rouse-onnx serves one ONNX model over HTTP, without Python.
//
//	rouse-onnx [--model /var/task/model.onnx] [--name NAME] [--listen 127.0.0.1:$PORT]
//
// It speaks the Open Inference Protocol in JSON. The onnxruntime shared library
// is found in the usual places, or where ROUSE_ONNXRUNTIME says.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rousehq/rouse/runtime/onnx"
	"github.com/rousehq/rouse/runtime/onnx/openinference"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, func(net.Addr) {})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rouse-onnx:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It tells listening where.
func run(ctx context.Context, args []string, getenv func(string) string, listening func(net.Addr)) error {
	flags := flag.NewFlagSet("rouse-onnx", flag.ContinueOnError)
	root := cmp.Or(getenv("LAMBDA_TASK_ROOT"), "/var/task")
	file := flags.String("model", path.Join(root, "model.onnx"), "the model's `file`")
	name := flags.String("name", cmp.Or(getenv("K_SERVICE"), "model"), "the `name` it is called by")
	listen := flags.String("listen", net.JoinHostPort(cmp.Or(getenv("HOST"), "127.0.0.1"), cmp.Or(getenv("PORT"), "8080")), "`address` to listen on")
	threads := flags.Int("threads", 0, "`threads` for one operator; 0 follows the CPU limit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *threads < 0:
		return fmt.Errorf("threads %d: must not be negative", *threads)
	}
	library, err := onnx.FindLibrary()
	if err != nil {
		return err
	}
	if err := onnx.OpenLibrary(library); err != nil {
		return err
	}
	began := time.Now()
	model, err := onnx.Load(*file, onnx.Options{Threads: *threads})
	if err != nil {
		return fmt.Errorf("%s: %w", *file, err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	log.Info("model loaded", "name", *name, "took", time.Since(began).Round(time.Microsecond), "onnxruntime", onnx.LibraryVersion())
	// Listening comes last: whoever can connect is served.
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return errors.Join(err, model.Close())
	}
	listening(listener.Addr())
	handler := openinference.Handler(openinference.Model{
		Name: *name, Inputs: model.Inputs, Outputs: model.Outputs, Runner: model,
	}, openinference.Server{Name: "rouse-onnx", Version: version()}, log)
	if err := serve(ctx, listener, handler); err != nil {
		return err // a request may still be running in the model
	}
	return model.Close()
}

// serve answers until ctx ends, then finishes what it has begun.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(grace)
	<-ended
	return err
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
