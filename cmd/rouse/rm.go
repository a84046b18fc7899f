package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
)

func (a *app) rmCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm NAME...",
		Short: "remove functions",
		Long: "Remove functions with their revisions and logs. Requests that run are finished. Jobs that have not\n" +
			"ended are ended, which needs --force.",
		Example: "  rouse rm hello",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			names := make([]rouse.FunctionName, len(args))
			for i, arg := range args {
				name, err := rouse.ParseFunctionName(arg)
				if err != nil {
					return usageError{plain(err)}
				}
				names[i] = name
			}
			c, err := a.client()
			if err != nil {
				return usageError{plain(err)}
			}
			defer c.Close()
			var first error
			for _, name := range names {
				if err := c.Delete(cmd.Context(), name, force); err != nil {
					if first == nil {
						first = err
					} else {
						a.explain(err)
					}
					continue
				}
				fmt.Fprintf(a.stdout, "removed %s\n", name)
			}
			return first
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also when the function has jobs that have not ended")
	return cmd
}
