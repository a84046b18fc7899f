package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// invokes calls two endpoints in turn with one session of boto3.
//
//go:embed invokes.py
var invokes string

const boto3Version = "1.44.5"

// boto3 measures what a caller with AWS's client for Python waits for: beside
// Rouse the same client against a server that answers with the same bytes and
// does nothing else. Between nginx in front of a server and that lies what a
// second process on a request's way costs on the machine at the least.
func boto3(ctx context.Context, l *lab) (results []result, err error) {
	line := result{
		Asked: "1 KB echo invoked with boto3: p50, beside boto3 against a bare HTTP server that returns the same bytes (docker)",
		Bound: "at most 1.1 ×",
	}
	clients, err := packages(ctx, "boto3", boto3Version)
	if err != nil {
		return []result{notMeasured(line, err)}, nil
	}
	p, err := l.serve("boto3", "docker")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	id, err := l.echoes(ctx, p)
	if err != nil {
		return nil, err
	}
	others, err := l.fronts(ctx, id)
	if err != nil {
		return nil, err
	}
	defer others.end()
	on, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	plain, err := spawn(on, nil, l.self, "bare")
	if err != nil {
		return nil, err
	}
	defer plain.end()
	cmd := exec.CommandContext(ctx, interpreter, "-c", invokes, strconv.Itoa(50*l.rounds),
		"rouse="+p.Server(), "bare=http://"+plain.addr, "nginx="+strings.TrimSuffix(others.by["nginx"].url, "/"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+clients)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("boto3: %w", err)
	}
	got := samples{}
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("boto3 said %.100q: %w", out, err)
	}
	ratio := got.median("rouse") / got.median("bare")
	line.Measured = fmt.Sprintf("%.2f × (%.0f µs, bare server %.0f µs, nginx in front of a server %.0f µs)",
		ratio, got.median("rouse"), got.median("bare"), got.median("nginx"))
	line.Medians = got.medians("µs")
	return []result{judge(ratio <= 1.1, line)}, nil
}

// bare is a server that answers each request with its body, under the headers
// that Rouse answers with.
func bare() error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
		w.Header().Set("X-Request-Id", "00000000-0000-4000-8000-000000000000")
		w.Write(b)
	}))
}
