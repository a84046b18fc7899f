package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// findPeers are the commands of other servers of SQS's protocol, by their names.
// The script installs them where they are missing, and prints a line for each:
// its name and its command, whose PORT is where it is to listen.
func findPeers(ctx context.Context) (map[string][]string, error) {
	cmd := exec.CommandContext(ctx, "bash", "scripts/peers.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("scripts/peers.sh: %w", err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) > 1 {
			found[words[0]] = words[1:]
		}
	}
	for _, name := range []string{"moto", "ElasticMQ"} {
		if found[name] == nil {
			return nil, fmt.Errorf("scripts/peers.sh found no %s: %s", name, out)
		}
	}
	return found, nil
}

// peer is another server that runs.
type peer struct {
	cmd    *exec.Cmd
	url    string
	output *bytes.Buffer
}

// startPeer starts a server on a free port and blocks until it answers.
func startPeer(ctx context.Context, command []string) (*peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	l.Close()
	argv := make([]string, len(command))
	for i, word := range command {
		argv[i] = strings.ReplaceAll(word, "PORT", port)
	}
	p := &peer{cmd: exec.Command(argv[0], argv[1:]...), url: "http://127.0.0.1:" + port, output: &bytes.Buffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := until(ctx, func() (bool, error) {
		client := http.Client{Timeout: time.Second}
		res, err := client.Get(p.url)
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		res.Body.Close()
		return true, nil
	}); err != nil {
		p.end()
		return nil, fmt.Errorf("%v does not answer: %w: %s", argv, err, p.output)
	}
	return p, nil
}

func (p *peer) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait() // it was told to, which Wait may call an error
}
