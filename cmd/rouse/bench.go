package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/cmd/rouse/phases"
	"github.com/rousehq/rouse/gateway/adminapi"
)

// maxCalls bounds one measurement: with cold starts that is an hour.
const maxCalls = 10000

// benched is what rouse bench is asked to measure.
type benched struct {
	ref   rouse.Ref
	from  rouse.Tier
	calls int
	data  []byte // nil is none
	path  string
	force bool
}

func (a *app) benchCommand() *cobra.Command {
	var data, qualifier, from string
	b := benched{}
	cmd := &cobra.Command{
		Use:   "bench NAME[:QUALIFIER]",
		Short: "measure where the time of a function's calls goes",
		Long: "Measure calls that begin with a given state of the function, one after another, and print\n" +
			"where their time went, phase by phase: queue, sandbox, mount, start, init, first-byte; elsewhere\n" +
			"is what the client, the connection and the gateway took. Before each call the state is brought\n" +
			"about, which is not measured:\n\n" +
			"  warm    a process that waits\n" +
			"  frozen  a process that is stopped between requests (rouse scale NAME --freeze)\n" +
			"  zygote  an interpreter with modules loaded (rouse deploy NAME --zygote …)\n" +
			"  cell    a spare sandbox\n" +
			"  gone    nothing: a sandbox is made first\n\n" +
			"For zygote, cell and gone the function's idle instances are let go. A function that somebody else\n" +
			"is using is left alone, unless --force is given: then its instances go when they have finished.",
		Example: "  rouse bench hello\n" +
			"  rouse bench hello --from gone -n 20\n" +
			"  rouse bench hello --from warm -n 1000 -d '{\"name\": \"you\"}' --json",
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.Flags().StringVar(&from, "from", "cell", "what each call begins with: warm, frozen, zygote, cell or gone")
	cmd.Flags().IntVarP(&b.calls, "calls", "n", 50, "how many calls")
	cmd.Flags().StringVarP(&data, "data", "d", "", "what to send: JSON, @FILE, or - for standard input")
	cmd.Flags().StringVar(&b.path, "path", "/", "path to request, for an http function")
	cmd.Flags().StringVar(&qualifier, "qualifier", "", "version, alias or revision to call (default $LATEST)")
	cmd.Flags().BoolVar(&b.force, "force", false, "let instances go although the function is busy")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if b.ref, err = parseRef(args[0], qualifier); err != nil {
			return usageError{err}
		}
		if b.from, err = parseTier(from); err != nil {
			return usageError{err}
		}
		switch {
		case b.calls < 1 || b.calls > maxCalls:
			return usagef("--calls %d: must be 1 to %d", b.calls, maxCalls)
		case !strings.HasPrefix(b.path, "/"):
			return usagef("--path %s: must start with /", b.path)
		}
		if cmd.Flags().Changed("data") {
			r, err := a.data(data)
			if err != nil {
				return err
			}
			if b.data, err = io.ReadAll(r); err != nil {
				return err
			}
		}
		return a.bench(cmd.Context(), b, *asJSON, cmd.Flags().Changed("path"))
	}
	return cmd
}

// parseTier reads --from. What the documents call gone is cold in X-Rouse-Start.
func parseTier(word string) (rouse.Tier, error) {
	if word == "gone" {
		return rouse.TierCold, nil
	}
	known := []rouse.Tier{rouse.TierWarm, rouse.TierFrozen, rouse.TierZygote, rouse.TierCell, rouse.TierCold}
	if t := rouse.Tier(word); slices.Contains(known, t) {
		return t, nil
	}
	return "", fmt.Errorf("--from %s: must be warm, frozen, zygote, cell or gone", word)
}

// tierWord is the word that parseTier reads.
func tierWord(t rouse.Tier) string {
	if t == rouse.TierCold {
		return "gone"
	}
	return string(t)
}

// bench measures and prints.
func (a *app) bench(ctx context.Context, b benched, asJSON, pathGiven bool) error {
	c, err := a.client()
	if err != nil {
		return usageError{plain(err)}
	}
	defer c.Close()
	fn, err := c.Function(ctx, b.ref.Name)
	if err != nil {
		return err
	}
	call := func() (client.Timed, error) { return c.TimeEvent(ctx, b.ref, b.data) }
	switch {
	case fn.Revision.Spec.Contract == rouse.ContractHTTP:
		call = func() (client.Timed, error) { return c.TimeRequest(ctx, b.ref, b.path, b.data) }
	case pathGiven:
		return usagef("--path: only an http function has paths")
	}
	calls, err := a.measure(ctx, c, b, call)
	if err != nil {
		return err
	}
	sum := phases.Sum(b.from, calls)
	if asJSON {
		err = printJSON(a.stdout, benchResult{Function: b.ref.String(), Summary: sum})
	} else {
		err = a.printBench(b, sum)
	}
	if err == nil && len(sum.Rows) == 0 {
		err = rouse.Errorf(rouse.Unavailable, "no call began with %s", tierWord(b.from))
	}
	return err
}

// benchResult is what --json prints.
type benchResult struct {
	Function string `json:"function"`
	phases.Summary
}

// measure makes the calls, each after what it is to begin with is there.
func (a *app) measure(ctx context.Context, c *client.Client, b benched, call func() (client.Timed, error)) ([]phases.Call, error) {
	p := newProgress(a.stderr)
	defer p.done()
	if b.from == rouse.TierWarm || b.from == rouse.TierFrozen { // the first call of a process is not a warm one
		if _, err := call(); err != nil {
			return nil, err
		}
	}
	next := adminapi.NextStart{From: b.from, Force: b.force}
	calls := make([]phases.Call, 0, b.calls)
	for n := range b.calls {
		p.tick("call %d of %d", n+1, b.calls)
		if err := c.Arrange(ctx, b.ref, next); err != nil {
			return nil, err
		}
		t, err := call()
		if err != nil {
			return nil, err
		}
		calls = append(calls, phases.Call(t))
	}
	return calls, nil
}

func (a *app) printBench(b benched, s phases.Summary) error {
	if len(s.Rows) > 0 {
		fmt.Fprintf(a.stdout, "%s from %s, %d calls, milliseconds\n", b.ref, tierWord(b.from), s.Met[b.from])
		t := newTable(a.stdout, "PHASE", "MEDIAN", "P90", "P99")
		for _, r := range s.Rows {
			t.row(string(r.Phase), fmt.Sprintf("%.2f", r.Median), fmt.Sprintf("%.2f", r.P90), fmt.Sprintf("%.2f", r.P99))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	for _, tier := range []rouse.Tier{rouse.TierWarm, rouse.TierFrozen, rouse.TierZygote, rouse.TierCell, rouse.TierCold} {
		if n := s.Met[tier]; n > 0 && tier != b.from {
			fmt.Fprintf(a.stderr, "%d of %d calls began with %s instead and are not counted.\n", n, b.calls, tierWord(tier))
		}
	}
	return nil
}
