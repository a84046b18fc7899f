package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
)

func (a *app) aliasCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alias NAME ALIAS [VERSION]",
		Short: "point an alias at a version, or at two, or remove it",
		Long:  "Point an alias at a version of a function, new or not. With --second and --weight it gives that\nshare of the calls to another version.",
		Example: "  rouse alias hello live 1\n" +
			"  rouse alias hello live 1 --second 2 --weight 0.1\n" +
			"  rouse alias hello live --remove",
		Args: cobra.RangeArgs(2, 3),
	}
	second := cmd.Flags().Int("second", 0, "another version, which gets a share of the calls")
	weight := cmd.Flags().Float64("weight", 0, "share of the second version, 0 to 1")
	remove := cmd.Flags().Bool("remove", false, "remove the alias")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
			alias, err := rouse.ParseAlias(args[1])
			if err != nil {
				return usageError{plain(err)}
			}
			if *remove != (len(args) == 2) {
				return usagef("give either a version or --remove")
			}
			if *remove {
				if err := c.DeleteAlias(cmd.Context(), name, alias); err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.stdout, "removed %s:%s\n", name, alias)
				return err
			}
			version, err := strconv.Atoi(args[2])
			if err != nil || version < 1 {
				return usagef("version %q: must be a number; rouse versions %s lists them", args[2], name)
			}
			if err := c.SetAlias(cmd.Context(), name, alias, rouse.Alias{Version: version, Second: *second, Weight: *weight}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s:%s is version %d\n", name, alias, version)
			return err
		})
	}
	return cmd
}
