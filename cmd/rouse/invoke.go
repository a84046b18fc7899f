package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// logGrace is how long the lines of a call may be behind its answer.
const logGrace = 300 * time.Millisecond

func (a *app) invokeCommand() *cobra.Command {
	var data, qualifier, webhook string
	var showLog, later, wait bool
	cmd := &cobra.Command{
		Use:   "invoke NAME[:QUALIFIER] [-d DATA]",
		Short: "call a function and print its answer",
		Long: "Call a function and print its answer. A lambda function gets the data as its event, {} when\n" +
			"there is none; an http function gets POST / with it, or GET / without. With --async the call is on disk\n" +
			"when its id is printed, is retried when it fails, and is followed with rouse jobs.",
		Example: "  rouse invoke hello -d '{\"name\": \"you\"}'\n" +
			"  rouse invoke hello -d @event.json --log\n" +
			"  jq -n '{n: 1}' | rouse invoke hello -d - --qualifier live\n" +
			"  rouse invoke hello -d @event.json --async --wait",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := parseRef(args[0], qualifier)
			if err != nil {
				return usageError{err}
			}
			var body io.Reader
			if cmd.Flags().Changed("data") {
				if body, err = a.data(data); err != nil {
					return err
				}
			}
			switch {
			case !later && (wait || webhook != ""):
				return usagef("--wait and --webhook: only with --async")
			case later && showLog:
				return usagef("--log: not with --async; rouse logs %s shows what it prints", ref.Name)
			case later:
				return a.invokeLater(cmd.Context(), ref, body, webhook, wait)
			}
			return a.invoke(cmd.Context(), ref, body, showLog)
		},
	}
	cmd.Flags().StringVarP(&data, "data", "d", "", "what to send: JSON, @FILE, or - for standard input")
	cmd.Flags().StringVar(&qualifier, "qualifier", "", "version, alias or revision to call (default $LATEST)")
	cmd.Flags().BoolVar(&showLog, "log", false, "print what the function logged during the call to standard error")
	cmd.Flags().BoolVar(&later, "async", false, "call it later, as a job, and print the job's id")
	cmd.Flags().BoolVar(&wait, "wait", false, "with --async: wait for the job's end and print its answer instead")
	cmd.Flags().StringVar(&webhook, "webhook", "", "with --async: URL that is told of the job's end")
	return cmd
}

// invokeLater has a function called later.
func (a *app) invokeLater(ctx context.Context, ref rouse.Ref, body io.Reader, webhook string, wait bool) error {
	return a.connected(func(c *client.Client) error {
		j, err := c.Submit(ctx, ref, body, webhook)
		if err != nil {
			return err
		}
		if wait {
			return a.waitJob(ctx, c, j.RequestID)
		}
		_, err = fmt.Fprintln(a.stdout, j.RequestID)
		return err
	})
}

func parseRef(name, qualifier string) (rouse.Ref, error) {
	if qualifier != "" {
		if strings.Contains(name, ":") {
			return rouse.Ref{}, fmt.Errorf("--qualifier %s: %s has a qualifier already", qualifier, name)
		}
		name += ":" + qualifier
	}
	ref, err := rouse.ParseRef(name)
	if err != nil {
		return ref, plain(err)
	}
	return ref, nil
}

// plain is an error's message without its code, for the command line's own mistakes.
func plain(err error) error {
	if e, ok := err.(*rouse.Error); ok {
		return fmt.Errorf("%s", e.Message)
	}
	return err
}

// data is what -d names.
func (a *app) data(arg string) (io.Reader, error) {
	if arg == "-" {
		b, err := io.ReadAll(a.stdin)
		return bytes.NewReader(b), err
	}
	if file, ok := strings.CutPrefix(arg, "@"); ok {
		b, err := os.ReadFile(file)
		return bytes.NewReader(b), err
	}
	return strings.NewReader(arg), nil
}

func (a *app) invoke(ctx context.Context, ref rouse.Ref, body io.Reader, showLog bool) error {
	c, err := a.client()
	if err != nil {
		return usageError{plain(err)}
	}
	defer c.Close()
	fn, err := c.Function(ctx, ref.Name)
	if err != nil {
		return err
	}
	id := uuid.NewString()
	call, query := c.Invoke, client.LogQuery{RequestID: id, Follow: true}
	if fn.Revision.Spec.Contract == rouse.ContractHTTP {
		// An http server answers several requests at once: nobody knows to which
		// of them a line belongs.
		call, query = c.Call, client.LogQuery{Since: time.Now().UTC().Format(time.RFC3339Nano), Follow: true}
	}
	answer, err := call(ctx, ref, id, body)
	if err == nil {
		err = a.copyAnswer(answer)
	}
	if showLog {
		a.logOf(ctx, c, ref.Name, query)
	}
	return err
}

// copyAnswer ends the last line on a terminal, and elsewhere changes nothing.
func (a *app) copyAnswer(body io.ReadCloser) error {
	defer body.Close()
	last := lastByte{w: a.stdout}
	_, err := io.Copy(&last, body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return rouse.Errorf(rouse.Unavailable, "the answer broke off")
	}
	if err == nil && last.b != '\n' && isTerminal(a.stdout) {
		fmt.Fprintln(a.stdout)
	}
	return err
}

type lastByte struct {
	w io.Writer
	b byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.b = p[len(p)-1]
	}
	return l.w.Write(p)
}

// logOf prints the lines of one call. They travel by another way than its
// answer, so it waits until none came for a moment.
func (a *app) logOf(ctx context.Context, c *client.Client, name rouse.FunctionName, query client.LogQuery) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(logGrace, cancel)
	defer quiet.Stop()
	err := c.Logs(ctx, name, query, func(line adminapi.LogLine) error {
		quiet.Reset(logGrace)
		fmt.Fprintln(a.stderr, line.Text)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		a.explain(err)
	}
}
