package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"

	"github.com/rousehq/rouse/controller/artifact/pack"
)

const ministackVersion = "1.5.33"

// ministack starts MiniStack with a function of the code in dir, run by its local
// executor: a process that is kept, and spoken to by the Runtime API, for each
// call at once. It serves nothing else and logs nothing.
func (l *lab) ministack(ctx context.Context, name, dir string) (at front, c *child, err error) {
	libraries, err := packages(ctx, "ministack", ministackVersion)
	if err != nil {
		return at, nil, err
	}
	port, err := freePort()
	if err != nil {
		return at, nil, err
	}
	c = &child{Cmd: exec.Command(interpreter, "-m", "ministack"), addr: net.JoinHostPort("127.0.0.1", port)}
	c.Env = append(os.Environ(), "PYTHONPATH="+libraries, "BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port, "SERVICES=lambda",
		"LAMBDA_EXECUTOR=local", "LOG_LEVEL=CRITICAL", "TMPDIR="+l.dir)
	if err := c.Start(); err != nil {
		return at, nil, err
	}
	at.url = "http://" + c.addr + "/2015-03-31/functions/" + name + "/invocations"
	if err = createIn(ctx, "http://"+c.addr, name, dir); err == nil {
		_, err = post(ctx, http.DefaultClient, at.url, body, http.StatusOK)
	}
	if err != nil {
		c.end()
		return at, nil, fmt.Errorf("MiniStack: %w", err)
	}
	return at, c, nil
}

// createIn has an emulator of AWS Lambda make a function, as soon as it answers,
// and waits until it can be called.
func createIn(ctx context.Context, server, name, dir string) error {
	functions := server + "/2015-03-31/functions"
	err := until(ctx, func() (bool, error) {
		res, err := http.Get(functions)
		if err != nil {
			return false, nil // it is not up yet
		}
		return res.StatusCode == http.StatusOK, res.Body.Close()
	})
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if _, err := pack.Dir(ctx, &archive, dir); err != nil {
		return err
	}
	request, err := json.Marshal(map[string]any{
		"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "MemorySize": 512, "Timeout": 30,
		"Role": "arn:aws:iam::000000000000:role/any", "Code": map[string][]byte{"ZipFile": archive.Bytes()},
	})
	if err != nil {
		return err
	}
	if _, err := post(ctx, http.DefaultClient, functions, request, http.StatusCreated); err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		res, err := http.Get(functions + "/" + name + "/configuration")
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		var function struct{ State string }
		b, err := io.ReadAll(res.Body)
		if err == nil {
			err = json.Unmarshal(b, &function)
		}
		return function.State == "Active", err
	})
}

// freePort is a loopback port that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}
