package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
)

func (a *app) jobsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "list, show, cancel and redrive what is called later",
		Long: "List, show, cancel and redrive jobs: calls that are on disk until they have been made. rouse invoke\n" +
			"--async makes one.",
		Example: "  rouse jobs ls hello --status failed\n  rouse jobs show ID\n  rouse jobs redrive hello",
	}
	for _, sub := range []*cobra.Command{
		a.jobsList(), a.jobsShow(), a.jobsWait(), a.jobsCancel(), a.jobsRetry(),
		a.jobsOf("redrive", "have all of a function's jobs that failed or expired run anew", func(ctx context.Context, c *client.Client, fn rouse.FunctionName) (string, error) {
			n, err := c.RedriveJobs(ctx, fn)
			return fmt.Sprintf("%d jobs of %s run anew", n, fn), err
		}),
		a.jobsOf("pause", "let none of a function's jobs begin", func(ctx context.Context, c *client.Client, fn rouse.FunctionName) (string, error) {
			return fmt.Sprintf("no job of %s begins until rouse jobs resume %s", fn, fn), c.PauseJobs(ctx, fn, true)
		}),
		a.jobsOf("resume", "let a function's jobs begin again", func(ctx context.Context, c *client.Client, fn rouse.FunctionName) (string, error) {
			return fmt.Sprintf("jobs of %s begin again", fn), c.PauseJobs(ctx, fn, false)
		}),
		a.jobsOf("secret", "show what a function's webhooks are signed with", func(ctx context.Context, c *client.Client, fn rouse.FunctionName) (string, error) {
			return c.WebhookSecret(ctx, fn)
		}),
	} {
		a.serverFlag(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (a *app) jobsList() *cobra.Command {
	var status string
	var limit int
	cmd := &cobra.Command{
		Use:     "ls [NAME]",
		Aliases: []string{"list"},
		Short:   "list jobs, the newest first",
		Example: "  rouse jobs ls\n  rouse jobs ls hello --status failed --json",
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&status, "status", "", "only those: pending, running, succeeded, failed, cancelled or expired")
	cmd.Flags().IntVar(&limit, "limit", 100, "most jobs to list; 0 is all")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f := rouse.JobFilter{State: rouse.JobState(status)}
		if len(args) == 1 {
			var err error
			if f.Function, err = rouse.ParseFunctionName(args[0]); err != nil {
				return usageError{plain(err)}
			}
		}
		if limit < 0 {
			return usagef("--limit %d: must not be negative", limit)
		}
		return a.connected(func(c *client.Client) error {
			jobs, more, err := listJobs(cmd.Context(), c, f, limit)
			if err != nil {
				return err
			}
			if len(jobs) == 0 && f.Function != "" {
				if _, err := c.Function(cmd.Context(), f.Function); err != nil {
					return err
				}
			}
			if *asJSON {
				return printJSON(a.stdout, jobs)
			}
			if len(jobs) == 0 {
				fmt.Fprintln(a.stderr, "No such jobs. rouse invoke NAME --async makes one.")
				return nil
			}
			if more {
				defer fmt.Fprintf(a.stderr, "There are more than %d; --limit 0 lists all.\n", limit)
			}
			defer a.tellOfPauses(cmd.Context(), c, jobs)
			t := newTable(a.stdout, "ID", "FUNCTION", "STATUS", "ATTEMPTS", "AGE", "ENDED", "WHY")
			for _, j := range jobs {
				why := ""
				if j.Error != nil {
					why = firstLine(cmp.Or(j.Error.Type, string(j.Error.Code)) + ": " + j.Error.Message)
				}
				now := time.Now()
				t.row(j.RequestID, rouse.Ref{Name: j.Function, Qualifier: j.Qualifier}.String(), string(j.Status), fmt.Sprint(j.Attempts), age(now, j.Created), age(now, j.Ended), why)
			}
			return t.flush()
		})
	}
	return cmd
}

// tellOfPauses says which of the jobs wait because somebody paused their function.
func (a *app) tellOfPauses(ctx context.Context, c *client.Client, jobs []*rouse.JobView) {
	waits := map[rouse.FunctionName]bool{}
	for _, j := range jobs {
		waits[j.Function] = waits[j.Function] || j.Status == rouse.JobPending
	}
	for _, name := range slices.Sorted(maps.Keys(waits)) {
		if !waits[name] {
			continue
		}
		if fn, err := c.Function(ctx, name); err == nil && fn.Paused {
			fmt.Fprintf(a.stderr, "Jobs of %s are paused; rouse jobs resume %s lets them begin.\n", name, name)
		}
	}
}

// listJobs reads pages until it has limit jobs; 0 is all. more says whether
// there may be others.
func listJobs(ctx context.Context, c *client.Client, f rouse.JobFilter, limit int) (jobs []*rouse.JobView, more bool, err error) {
	const page = 1000
	jobs = []*rouse.JobView{}
	for {
		f.Most = page
		if limit > 0 {
			f.Most = min(page, limit-len(jobs))
		}
		got, err := c.Jobs(ctx, f)
		if err != nil {
			return nil, false, err
		}
		jobs = append(jobs, got.Jobs...)
		if f.After = got.Next; got.Next == "" || limit > 0 && len(jobs) >= limit {
			return jobs, got.Next != "", nil
		}
	}
}

// firstLine keeps a table's rows on one line.
func firstLine(s string) string {
	const most = 80
	for i, r := range s {
		if r == '\n' || i >= most {
			return s[:i] + "…"
		}
	}
	return s
}

func (a *app) jobsShow() *cobra.Command {
	return a.jobsByID("show ID", "print a job with its answer, as JSON", "  rouse jobs show 01993f5c-…", func(ctx context.Context, c *client.Client, id string) error {
		j, err := c.Job(ctx, id)
		if err != nil {
			return err
		}
		return printJSON(a.stdout, j)
	})
}

func (a *app) jobsWait() *cobra.Command {
	return a.jobsByID("wait ID", "wait for a job's end and print its answer", "  rouse jobs wait 01993f5c-…", a.waitJob)
}

// waitJob prints a job's answer. A job that did not succeed is an error.
func (a *app) waitJob(ctx context.Context, c *client.Client, id string) error {
	j, err := c.WaitJob(ctx, id)
	if ctx.Err() != nil || rouse.CodeOf(err) == rouse.Unavailable {
		fmt.Fprintf(a.stderr, "The job goes on: rouse jobs wait %s\n", id)
	}
	if err != nil {
		return err
	}
	if j.Status != rouse.JobSucceeded {
		e := &rouse.Error{Code: rouse.FunctionError, Message: fmt.Sprintf("job %s %s (%s)", id, j.Status, j.Condition)}
		if j.Error != nil {
			e.Code, e.Type, e.Trace = j.Error.Code, j.Error.Type, j.Error.Trace
			e.Message = fmt.Sprintf("%s; job %s %s after %d attempts", j.Error.Message, id, j.Status, j.Attempts)
		}
		return e
	}
	if j.Size == 0 || j.Omitted != "" {
		fmt.Fprintln(a.stderr, cmp.Or(j.Omitted, "There is no answer."))
		return nil
	}
	answer, err := c.JobResult(ctx, id)
	if err != nil {
		return err
	}
	return a.copyAnswer(answer)
}

func (a *app) jobsCancel() *cobra.Command {
	return a.jobsByID("cancel ID", "end a job, and stop its function if it runs", "  rouse jobs cancel 01993f5c-…", func(ctx context.Context, c *client.Client, id string) error {
		j, err := c.CancelJob(ctx, id)
		if err != nil {
			return err
		}
		if j.Status != rouse.JobCancelled {
			return rouse.Errorf(rouse.Conflict, "job %s had ended already: it %s", id, j.Status)
		}
		fmt.Fprintf(a.stdout, "cancelled %s\n", id)
		return nil
	})
}

func (a *app) jobsRetry() *cobra.Command {
	return a.jobsByID("retry ID", "have a job that failed or expired run anew", "  rouse jobs retry 01993f5c-…", func(ctx context.Context, c *client.Client, id string) error {
		if _, err := c.RedriveJob(ctx, id); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s runs anew\n", id)
		return nil
	})
}

// jobsByID is a command about one job.
func (a *app) jobsByID(use, short, example string, run func(context.Context, *client.Client, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(func(c *client.Client) error { return run(cmd.Context(), c, args[0]) })
		},
	}
}

// jobsOf is a command about a function's jobs. What run returns is printed.
func (a *app) jobsOf(verb, short string, run func(context.Context, *client.Client, rouse.FunctionName) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Example: "  rouse jobs " + verb + " hello", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onFunction(args[0], func(c *client.Client, fn rouse.FunctionName) error {
				text, err := run(cmd.Context(), c, fn)
				if err == nil {
					fmt.Fprintln(a.stdout, text)
				}
				return err
			})
		},
	}
}
