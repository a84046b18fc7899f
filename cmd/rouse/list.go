package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func (a *app) lsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "list functions",
		Example: "  rouse ls\n  rouse ls --json | jq '.[].name'",
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.connected(func(c *client.Client) error {
			fns, err := c.Functions(cmd.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, fns)
			}
			if len(fns) == 0 {
				fmt.Fprintln(a.stderr, "No functions yet. rouse deploy --help shows how to make one.")
				return nil
			}
			return printFunctions(a.stdout, time.Now(), fns)
		})
	}
	return cmd
}

func printFunctions(w io.Writer, now time.Time, fns []adminapi.FunctionView) error {
	t := newTable(w, "NAME", "REVISION", "CONTRACT", "RUNS", "MEMORY", "INSTANCES", "WAITING", "CHANGED")
	for _, fn := range fns {
		spec := fn.Revision.Spec
		runs := cmp.Or(spec.Artifact.Image, spec.Runtime)
		if p := fn.Revision.Preparing; p.Failed() {
			runs += " (cannot be had)"
		} else if p != nil {
			runs += " (being fetched)"
		}
		t.row(string(fn.Name), fn.Latest.Short(), string(spec.Contract), runs, spec.Memory.String(),
			counts(fn.Instances), fmt.Sprint(fn.Waiting), age(now, fn.Updated))
	}
	return t.flush()
}

// counts is how many instances are in each state, in the order of a life.
func counts(instances map[string]int) string {
	text := ""
	for _, state := range []rouse.State{rouse.Starting, rouse.Ready, rouse.Frozen, rouse.Draining} {
		if n := instances[string(state)]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", n, state)
		}
	}
	return cmp.Or(text, "0")
}

func (a *app) psCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ps [NAME]",
		Short:   "list running instances",
		Example: "  rouse ps\n  rouse ps hello --json",
		Args:    cobra.MaximumNArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
				return a.ps(cmd.Context(), c, name, *asJSON)
			})
		}
		return a.connected(func(c *client.Client) error { return a.ps(cmd.Context(), c, "", *asJSON) })
	}
	return cmd
}

// ps lists the instances of one function; without a name those of all, and what
// functions start from.
func (a *app) ps(ctx context.Context, c *client.Client, name rouse.FunctionName, asJSON bool) error {
	list, err := c.Instances(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(i rouse.Instance) bool { return name != "" && i.Function != name })
	if len(list) == 0 && name != "" {
		if _, err := c.Function(ctx, name); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(a.stdout, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, "Nothing runs; functions start when they are called.")
	} else if err := printInstances(a.stdout, time.Now(), list); err != nil {
		return err
	}
	if name != "" {
		return nil
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if status.Cells != nil {
		fmt.Fprintf(a.stderr, "Functions start from %s.\n", cellsText(status.Cells))
	}
	return nil
}

// cellsText says in words what functions start from.
func cellsText(c *rouse.Cells) string {
	switch {
	case c == nil:
		return "nothing kept ahead"
	case c.Unused != "":
		return "nothing kept ahead, since cells cannot be used: " + c.Unused
	}
	text := fmt.Sprintf("%d of %d ready", c.Ready, c.Most)
	if len(c.Kinds) > 1 {
		for i, k := range c.Kinds {
			text += fmt.Sprintf("%s %d %s", []string{":", ","}[min(i, 1)], k.Ready, k.Kind)
		}
	}
	if c.Memory > 0 {
		text += fmt.Sprintf(", %s each", sizeText(int64(c.Memory)))
	}
	return "spare cells (" + text + ")"
}

func printInstances(w io.Writer, now time.Time, list []rouse.Instance) error {
	t := newTable(w, "INSTANCE", "FUNCTION", "REVISION", "STATE", "FROM", "IN FLIGHT", "SERVED", "IDLE", "AGE", "MEMORY")
	for _, i := range list {
		state := string(i.State)
		if i.Provisioned {
			state += " (provisioned)"
		}
		idle := "-"
		if (i.State == rouse.Ready || i.State == rouse.Frozen) && i.InFlight == 0 {
			idle = age(now, i.IdleSince)
		}
		t.row(string(i.ID), string(i.Function), i.Revision.Short(), state, from(i), fmt.Sprint(i.InFlight),
			fmt.Sprint(i.Served), idle, age(now, i.Created), i.Memory.String())
	}
	return t.flush()
}

// from is what an instance was started from.
func from(i rouse.Instance) string {
	if i.Adopted {
		return "earlier run"
	}
	return cmp.Or(string(i.Tier), "-")
}
