package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse/cmd/rouse/client"
)

func (a *app) topCommand() *cobra.Command {
	every := time.Second
	var once bool
	cmd := &cobra.Command{
		Use:     "top",
		Short:   "watch what runs",
		Long:    "Show what runs, again and again until interrupted. Where nobody watches it shows it once.",
		Example: "  rouse top\n  rouse top --every 200ms",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().DurationVar(&every, "every", every, "time between two looks")
	cmd.Flags().BoolVar(&once, "once", false, "show it once")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if every < 50*time.Millisecond {
			return usagef("--every %s: must be at least 50ms", every)
		}
		c, err := a.client()
		if err != nil {
			return usageError{plain(err)}
		}
		defer c.Close()
		ctx := cmd.Context()
		if once || !isTerminal(a.stdout) {
			screen, err := look(ctx, c)
			fmt.Fprint(a.stdout, screen)
			return err
		}
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			screen, err := look(ctx, c)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			const homeAndClear = "\x1b[H\x1b[2J"
			rows, columns := terminalSize(a.stdout)
			fmt.Fprint(a.stdout, homeAndClear+fit(screen, rows, columns))
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
	return cmd
}

// look is one screen.
func look(ctx context.Context, c *client.Client) (string, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return "", err
	}
	fns, err := c.Functions(ctx)
	if err != nil {
		return "", err
	}
	list, err := c.Instances(ctx)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	now := time.Now()
	memory := sizeText(int64(status.MemoryInUse))
	if status.MemoryBudget > 0 {
		memory += " of " + sizeText(int64(status.MemoryBudget))
	}
	fmt.Fprintf(&b, "%s  driver %s  functions %d  instances %s  in flight %d  waiting %d  memory %s\n",
		c.Server(), status.Driver, status.Functions, counts(status.Instances), status.InFlight, status.Waiting, memory)
	if len(list) > 0 {
		fmt.Fprintln(&b)
		if err := printInstances(&b, now, list); err != nil {
			return "", err
		}
	}
	if len(fns) > 0 {
		fmt.Fprintln(&b)
		if err := printFunctions(&b, now, fns); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// fit cuts text to a terminal's size, so that its beginning stays in sight. A
// size of 0 is not known.
func fit(text string, rows, columns int) string {
	lines := strings.SplitAfter(text, "\n")
	if most := rows - 2; rows > 0 && len(lines)-1 > max(most, 1) {
		most = max(most, 1)
		lines = append(lines[:most:most], fmt.Sprintf("… and %d more\n", len(lines)-1-most))
	}
	for i, line := range lines {
		if whole := []rune(strings.TrimSuffix(line, "\n")); columns > 0 && len(whole) > columns {
			lines[i] = string(whole[:columns]) + "\n"
		}
	}
	return strings.Join(lines, "")
}
