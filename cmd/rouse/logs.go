package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func (a *app) logsCommand() *cobra.Command {
	q := client.LogQuery{}
	cmd := &cobra.Command{
		Use:     "logs NAME",
		Short:   "print what a function printed",
		Example: "  rouse logs hello --tail 20\n  rouse logs hello -f\n  rouse logs hello --since 10m --json",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVarP(&q.Follow, "follow", "f", false, "go on with new lines until interrupted")
	cmd.Flags().IntVar(&q.Tail, "tail", 100, "the last so many lines; 0 prints all that are kept")
	cmd.Flags().StringVar(&q.Since, "since", "", "lines since a moment (2026-01-31T12:00:00Z) or for so long (10m)")
	cmd.Flags().StringVar(&q.RequestID, "request", "", "lines of one request, by its X-Request-Id")
	asJSON := cmd.Flags().Bool("json", false, "print a JSON object per line")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
			if q.Tail < 0 {
				return usagef("--tail %d: must not be negative", q.Tail)
			}
			out := json.NewEncoder(a.stdout)
			out.SetEscapeHTML(false)
			err := c.Logs(cmd.Context(), name, q, func(line adminapi.LogLine) error {
				if *asJSON {
					return out.Encode(line)
				}
				_, err := fmt.Fprintf(a.stdout, "%s %s\n", line.Time, line.Text)
				return err
			})
			switch {
			case q.Follow && cmd.Context().Err() != nil:
				return nil // an interrupt is how following ends
			case q.Follow && err == nil:
				return rouse.Errorf(rouse.Unavailable, "the log ended: the server stops, or the function was removed")
			}
			return err
		})
	}
	return cmd
}
