package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/cmd/rouse/option"
	"github.com/rousehq/rouse/cmd/rouse/project"
)

func (a *app) scaleCommand() *cobra.Command {
	var fn project.Scaling
	cmd := &cobra.Command{
		Use:   "scale NAME",
		Short: "change or show a function's settings",
		Long:  "Change a function's settings without deploying it again. Without flags it shows them.",
		Example: "  rouse scale hello --idle 10m --max-instances 4\n" +
			"  rouse scale hello --provisioned 1\n" +
			"  rouse scale hello --freeze\n" +
			"  rouse scale hello --json",
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	option.Flags(cmd.Flags(), &fn, &project.Scaling{})
	unlimited := cmd.Flags().Bool("no-reserved", false, "lift the limit of --reserved")
	cmd.MarkFlagsMutuallyExclusive("reserved", "no-reserved")
	cmd.SetFlagErrorFunc(scaleFlagError)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
			patch := make(map[string]any)
			for _, f := range option.Fields(&fn) {
				if f.IsSet() {
					patch[f.Key] = f.JSON()
				}
			}
			if *unlimited {
				patch["reserved"] = nil
			}
			view, err := c.Function(cmd.Context(), name)
			settings := view.Settings
			if err == nil && len(patch) > 0 {
				settings, err = c.UpdateSettings(cmd.Context(), name, patch)
			}
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, settings)
			}
			return a.printSettings(settings)
		})
	}
	return cmd
}

// scaleFlagError sends those to rouse deploy who give scale what makes a new revision.
func scaleFlagError(cmd *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if unknown && slices.ContainsFunc(option.Fields(&project.Function{}), func(f option.Field) bool { return f.Flag() == name }) {
		return usagef("unknown flag --%s; it belongs to the code: rouse deploy takes it", name)
	}
	return flagError(cmd, err)
}

func (a *app) printSettings(s rouse.Settings) error {
	reserved := "no limit"
	if s.Reserved != nil {
		reserved = fmt.Sprint(*s.Reserved)
	}
	most := "no limit"
	if s.MaxInstances > 0 {
		most = fmt.Sprint(s.MaxInstances)
	}
	t := newTable(a.stdout, "SETTING", "VALUE")
	t.row("idle", s.Idle.String())
	t.row("concurrency", fmt.Sprint(s.Concurrency))
	t.row("max-instances", most)
	t.row("provisioned", fmt.Sprint(s.Provisioned))
	t.row("reserved", reserved)
	t.row("queue", fmt.Sprint(s.Queue))
	t.row("queue-bytes", s.QueueBytes.String())
	t.row("hold", s.Hold.String())
	t.row("webhook", cmp.Or(s.Webhook, "-"))
	t.row("freeze", fmt.Sprint(s.Freeze))
	return t.flush()
}
