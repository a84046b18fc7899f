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
	"github.com/rousehq/rouse/cmd/rouse/batch"
	"github.com/rousehq/rouse/cmd/rouse/client"
)

// batchFiles are where a batch's lines come from and go to; - is the standard stream.
type batchFiles struct{ input, output, failures string }

func (a *app) batchCommand() *cobra.Command {
	var files batchFiles
	var b batch.Batch
	var qualifier string
	cmd := &cobra.Command{
		Use:   "batch NAME[:QUALIFIER] --input FILE --output FILE",
		Short: "call a function with every line of a file",
		Long: "Call a function with every line of a file of JSON, and write a line with each answer. A run that was\n" +
			"interrupted goes on where its output ends; one that has ended tries again what failed.",
		Example: "  rouse batch hello --input items.jsonl --output results.jsonl\n" +
			"  rouse batch hello --input items.jsonl --output results.jsonl --concurrency 32 --ordered\n" +
			"  jq -c '.[]' items.json | rouse batch hello --input - --output - > results.jsonl",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := parseRef(args[0], qualifier)
			switch {
			case err != nil:
				return usageError{err}
			case files.input == "" || files.output == "":
				return usagef("give --input and --output; - is the standard stream")
			case b.Concurrency < 1 || b.Concurrency > 1000:
				return usagef("--concurrency %d: must be 1 to 1000", b.Concurrency)
			case b.Retries < 0 || b.Retries > 1000:
				return usagef("--retries %d: must be 0 to 1000", b.Retries)
			}
			return a.connected(func(c *client.Client) error { return a.batch(cmd.Context(), c, ref, files, b) })
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&files.input, "input", "", "file with a JSON value in each line, or - for standard input")
	fs.StringVar(&files.output, "output", "", "file for the results, or - for standard output")
	fs.StringVar(&files.failures, "failures", "", "file for what failed (default OUTPUT with .failures before its ending)")
	fs.IntVar(&b.Concurrency, "concurrency", 8, "calls at once")
	fs.BoolVar(&b.Ordered, "ordered", false, "write results in the order of the input, not as they come")
	fs.IntVar(&b.Retries, "retries", 10, "how often to try again when the platform has no room (429 and 503)")
	fs.StringVar(&qualifier, "qualifier", "", "version, alias or revision to call (default $LATEST)")
	return cmd
}

func (a *app) batch(ctx context.Context, c *client.Client, ref rouse.Ref, files batchFiles, b batch.Batch) (err error) {
	fn, err := c.Function(ctx, ref.Name)
	if err != nil {
		return err
	}
	call := c.Invoke
	if fn.Revision.Spec.Contract == rouse.ContractHTTP {
		call = c.Call
	}
	b.Call = func(ctx context.Context, item []byte) ([]byte, error) {
		answer, err := call(ctx, ref, uuid.NewString(), bytes.NewReader(item))
		if err != nil {
			return nil, err
		}
		defer answer.Close()
		text, err := io.ReadAll(answer)
		if err != nil {
			return nil, rouse.Errorf(rouse.Unavailable, "the answer broke off: %v", err)
		}
		return text, nil
	}
	total, done, err := a.openBatch(files, &b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()

	show := &batchProgress{progress: newProgress(a.stderr), began: time.Now(), total: total}
	b.Progress = show.tell
	counts, err := b.Run(ctx)
	show.done()
	said := fmt.Sprintf("%d succeeded, %d failed", counts.Succeeded, counts.Failed)
	if counts.Skipped > 0 {
		said += fmt.Sprintf(", %d had a result already", counts.Skipped)
	}
	fmt.Fprintf(a.stderr, "%s in %s\n", said, time.Since(show.began).Round(time.Millisecond))
	switch {
	case err != nil && rouse.CodeOf(err) == rouse.Conflict:
		var public *rouse.Error
		errors.As(err, &public)
		return rouse.Errorf(rouse.Conflict, "%s: %s", files.output, public.Message)
	case errors.Is(err, context.Canceled) && files.output != "-":
		fmt.Fprintln(a.stderr, "The same command goes on with the items that have no result yet.")
		return err
	case err != nil:
		return err
	case counts.Failed > 0 && files.failuresFile() != "":
		return fmt.Errorf("%d of %d items failed; %s says why, and the same command tries them again", counts.Failed, counts.Read, files.failuresFile())
	case counts.Failed > 0:
		return fmt.Errorf("%d of %d items failed", counts.Failed, counts.Read)
	}
	return nil
}

// failuresFile is where failures go; "" is standard error.
func (f batchFiles) failuresFile() string {
	switch {
	case f.failures == "-" || f.failures == "" && f.output == "-":
		return ""
	case f.failures != "":
		return f.failures
	}
	for _, ending := range []string{".jsonl", ".json", ".ndjson"} {
		if base, ok := strings.CutSuffix(f.output, ending); ok {
			return base + ".failures" + ending
		}
	}
	return f.output + ".failures"
}

// openBatch opens the files, reads what an earlier run has done, and counts the
// items when the input can be read twice; total is 0 when not. done closes them.
func (a *app) openBatch(files batchFiles, b *batch.Batch) (total int, done func() error, err error) {
	var opened []*os.File
	done = func() error {
		var errs []error
		for _, f := range opened {
			errs = append(errs, f.Close())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, done())
		}
	}()
	open := func(name string, flag int) (*os.File, error) {
		f, err := os.OpenFile(name, flag, 0o666)
		if err == nil {
			opened = append(opened, f)
		}
		return f, err
	}
	if b.Input = a.stdin; files.input != "-" {
		f, err := open(files.input, os.O_RDONLY)
		if err != nil {
			return 0, done, err
		}
		if total, err = countLines(f); err != nil {
			return 0, done, err
		}
		b.Input = f
	}
	if b.Results = a.stdout; files.output != "-" {
		f, err := open(files.output, os.O_RDWR|os.O_CREATE|os.O_APPEND)
		if err != nil {
			return 0, done, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			var whole int64
			if b.Done, whole, err = batch.Resume(f); err != nil {
				return 0, done, fmt.Errorf("%s: %w; remove it, or name another one", files.output, err)
			}
			if err := f.Truncate(whole); err != nil {
				return 0, done, err
			}
		}
		b.Results = f
	}
	if b.Failures = a.stderr; files.failuresFile() != "" {
		f, err := open(files.failuresFile(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return 0, done, err
		}
		b.Failures = f
	}
	return total, done, nil
}

// countLines counts the lines of a file that can be read again, and goes back to
// its beginning.
func countLines(f *os.File) (n int, err error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, err
	}
	buffer, last := make([]byte, 64<<10), byte('\n')
	for {
		read, err := f.Read(buffer)
		if n += bytes.Count(buffer[:read], []byte{'\n'}); read > 0 {
			last = buffer[read-1]
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
	}
	if last != '\n' {
		n++
	}
	_, err = f.Seek(0, io.SeekStart)
	return n, err
}

// batchProgress shows how far a batch is: a bar on a terminal, elsewhere a line
// now and then.
type batchProgress struct {
	*progress
	began, last time.Time
	total       int
}

func (p *batchProgress) tell(c batch.Counts) {
	now := time.Now()
	every := 10 * time.Second
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if p.last.IsZero() && !p.terminal {
		p.last = p.began
	}
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	ended := c.Succeeded + c.Failed
	rate := float64(ended) / now.Sub(p.began).Seconds()
	if p.total == 0 {
		p.say("%d items, %.0f/s, %d failed", ended, rate, c.Failed)
		return
	}
	const width = 30
	filled := min(width, width*(ended+c.Skipped)/p.total)
	left := time.Duration(float64(p.total-ended-c.Skipped) / max(rate, 0.001) * float64(time.Second)).Round(time.Second)
	p.say("[%s%s] %d/%d, %.0f/s, %d failed, %s left", strings.Repeat("=", filled), strings.Repeat(" ", width-filled),
		ended+c.Skipped, p.total, rate, c.Failed, left)
}
