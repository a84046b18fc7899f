// Command rouse is the platform and its command line: rouse serve runs it, the
// other commands speak to a running one.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules have time zones where the host has none

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	soft, stop := context.WithCancel(context.Background())
	hard, now := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		now()
		signal.Stop(signals) // the third has the system's effect
	}()
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.LookupEnv, now: hard}
	os.Exit(a.run(soft, os.Args[1:]))
}

// app is what every command has in hand.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) (string, bool)
	// now ends when somebody does not want to wait for an orderly end.
	now context.Context

	server string // flag of every command that speaks to a server
}

// client is for the server that flags and environment name.
func (a *app) client() (*client.Client, error) {
	token, _ := a.getenv("ROUSE_TOKEN")
	return client.New(a.server, token)
}

// connected runs body with a client of the server that the flags name.
func (a *app) connected(body func(*client.Client) error) error {
	c, err := a.client()
	if err != nil {
		return usageError{plain(err)}
	}
	defer c.Close()
	return body(c)
}

// onFunction is connected for a command about the function that arg names.
func (a *app) onFunction(arg string, body func(*client.Client, rouse.FunctionName) error) error {
	name, err := rouse.ParseFunctionName(arg)
	if err != nil {
		return usageError{plain(err)}
	}
	return a.connected(func(c *client.Client) error { return body(c, name) })
}
