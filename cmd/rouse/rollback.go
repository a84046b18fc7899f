package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func (a *app) rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback NAME [VERSION]",
		Short: "deploy what a function was at a version",
		Long:  "Deploy what a function was at a version: by default at the newest one that is not what it runs\nnow. Its settings stay. Traffic moves when the first instance is ready.",
		Example: "  rouse rollback hello\n" +
			"  rouse rollback hello 3",
		Args: cobra.RangeArgs(1, 2),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onFunction(args[0], func(c *client.Client, name rouse.FunctionName) error {
			if len(args) == 1 {
				return a.rollback(cmd.Context(), c, name, 0)
			}
			number, err := strconv.Atoi(args[1])
			if err != nil || number < 1 {
				return usagef("version %q: must be a number; rouse versions %s lists them", args[1], name)
			}
			return a.rollback(cmd.Context(), c, name, number)
		})
	}
	return cmd
}

// rollback deploys what a version was; 0 is the newest that is not what runs now.
func (a *app) rollback(ctx context.Context, c *client.Client, name rouse.FunctionName, number int) error {
	fn, err := c.Function(ctx, name)
	if err != nil {
		return err
	}
	v, err := earlier(fn, number)
	if err != nil {
		return err
	}
	revisions, err := c.Revisions(ctx, name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(revisions, func(r rouse.Revision) bool { return r.ID == v.Revision })
	if i < 0 {
		return rouse.Errorf(rouse.NotFound, "version %d of %s is gone", v.Number, name)
	}
	spec := revisions[i].Spec
	spec.Version = "" // it becomes $LATEST
	progress, began := newProgress(a.stderr), time.Now()
	defer progress.done()
	done, err := c.Deploy(ctx, rouse.Deployment{Name: name, Spec: spec, Wait: true}, func(words string) { progress.tick("%s: %s", name, words) })
	if err != nil {
		return err
	}
	progress.done()
	_, err = fmt.Fprintf(a.stdout, "%s is what version %d was: %s\n", name, v.Number, outcome(done, true, time.Since(began)))
	return err
}

// earlier is the version to go back to: the one of that number or, for 0, the
// newest that is not what the function runs now.
func earlier(fn adminapi.FunctionView, number int) (*rouse.Version, error) {
	if number != 0 {
		if v := fn.Version(number); v != nil {
			return v, nil
		}
		return nil, rouse.Errorf(rouse.NotFound, "function %q has no version %d", fn.Name, number)
	}
	for i := len(fn.Versions) - 1; i >= 0; i-- {
		if v := &fn.Versions[i]; v.Of != fn.Latest && v.Revision != fn.Latest {
			return v, nil
		}
	}
	return nil, rouse.Errorf(rouse.NotFound, "function %q has no version but what it runs now", fn.Name)
}
