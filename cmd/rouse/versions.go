package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
)

func (a *app) publishCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "publish NAME",
		Short:   "give what a function runs now a version number",
		Long:    "Give what a function runs now a version number, which stays what it is. Publishing it again\nwithout a change gives the same number.",
		Example: "  rouse publish hello --description 'the first'\n  rouse invoke hello --qualifier 1",
		Args:    cobra.ExactArgs(1),
	}
	description := cmd.Flags().String("description", "", "what to remember of the version")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
			v, err := c.Publish(cmd.Context(), name, *description)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, v)
			}
			_, err = fmt.Fprintf(a.stdout, "%s is version %d\n", name, v.Number)
			return err
		})
	}
	return cmd
}

func (a *app) versionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "versions NAME",
		Short:   "list a function's versions and aliases",
		Example: "  rouse versions hello\n  rouse versions hello --json",
		Args:    cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
			fn, err := c.Function(cmd.Context(), name)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, struct {
					Versions []rouse.Version                 `json:"versions"`
					Aliases  map[rouse.Qualifier]rouse.Alias `json:"aliases"`
				}{append([]rouse.Version{}, fn.Versions...), fn.Aliases})
			}
			t, now := newTable(a.stdout, "VERSION", "REVISION", "AGE", "ALIASES", "DESCRIPTION"), time.Now()
			t.row(string(rouse.Latest), fn.Latest.Short(), age(now, fn.Revision.Created), aliasesOf(&fn.Function, 0), "")
			for _, v := range slices.Backward(fn.Versions) {
				t.row(fmt.Sprint(v.Number), v.Revision.Short(), age(now, v.Created), aliasesOf(&fn.Function, v.Number), v.Description)
			}
			return t.flush()
		})
	}
	return cmd
}

// aliasesOf are the aliases that lead to a version, with their share of it.
func aliasesOf(fn *rouse.Function, number int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(fn.Aliases)) {
		switch alias := fn.Aliases[name]; {
		case alias.Version == number && alias.Second == 0:
			list = append(list, string(name))
		case alias.Version == number:
			list = append(list, fmt.Sprintf("%s (%.4g%%)", name, 100*(1-alias.Weight)))
		case alias.Second == number && number != 0:
			list = append(list, fmt.Sprintf("%s (%.4g%%)", name, 100*alias.Weight))
		}
	}
	return strings.Join(list, ", ")
}
