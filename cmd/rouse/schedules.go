package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/controller/trigger/schedule"
)

func (a *app) schedulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedules",
		Short: "have functions run at times",
		Long:  "Have functions run at times: every so often, at times of the day, or once. A run is a job.",
		Example: "  rouse schedules create nightly cleanup --when '0 2 * * *' --time-zone Europe/Berlin\n" +
			"  rouse schedules next nightly\n  rouse schedules ls",
	}
	for _, sub := range []*cobra.Command{
		a.schedulesCreate(), a.schedulesList(), a.schedulesShow(), a.schedulesNext(),
		a.schedulesSwitch("enable", "have a schedule go on", false), a.schedulesSwitch("disable", "stop a schedule for now", true), a.schedulesRemove(),
	} {
		a.serverFlag(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (a *app) schedulesCreate() *cobra.Command {
	s := rouse.DefaultSchedule()
	var data, start, end, missed string
	var replace bool
	cmd := &cobra.Command{
		Use:   "create SCHEDULE FUNCTION[:QUALIFIER] --when WHEN",
		Short: "make a schedule",
		Long: "Make a schedule. WHEN is rate(5 minutes), cron(0 9 ? * MON-FRI *) as AWS writes it, the five fields\n" +
			"of a crontab, @daily and its like, or at(2030-01-01T09:00:00) for once.",
		Example: "  rouse schedules create beat hello --when 'rate(5 minutes)'\n" +
			"  rouse schedules create report hello:live --when 'cron(0 9 ? * MON-FRI *)' --time-zone Europe/Berlin -d '{\"n\": 1}'\n" +
			"  rouse schedules create nightly hello --when '0 2 * * *' --missed all --missed-within 72h",
		Args: cobra.ExactArgs(2),
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&s.When, "when", "", "when it is due")
	fs.StringVar(&s.TimeZone, "time-zone", "", "time zone of WHEN, a name like Europe/Berlin (default UTC)")
	fs.StringVarP(&data, "data", "d", "", "what the function gets: JSON, @FILE, or - for standard input (default AWS's scheduled event)")
	fs.StringVar(&start, "start", "", "nothing is due before, like 2030-01-01T09:00:00Z")
	fs.StringVar(&end, "end", "", "nothing is due after")
	fs.StringVar(&missed, "missed", string(s.Missed), "what becomes of runs that were missed while Rouse was down: skip them, make up for the latest (once) or for all")
	fs.Var(&s.MissedWithin, "missed-within", "missed runs that are older are left out")
	fs.Var(&s.Window, "window", "begin each run up to so much later, so that many schedules do not begin at once")
	fs.IntVar(&s.MaxAttempts, "max-attempts", 0, "attempts of a run that fails; 0 is as for any job")
	fs.Var(&s.MaxAge, "max-age", "age at which a run is given up; 0 is as for any job")
	fs.BoolVar(&s.Disabled, "disabled", false, "make it, but do not run it yet")
	fs.BoolVar(&replace, "replace", false, "replace the one of that name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := parseRef(args[1], "")
		if err != nil {
			return usageError{err}
		}
		s.Name, s.Function, s.Missed = args[0], ref.Name, rouse.MissedRuns(missed)
		if ref.Qualifier != rouse.Latest {
			s.Qualifier = ref.Qualifier
		}
		if s.Start, err = moment("start", start); err != nil {
			return err
		}
		if s.End, err = moment("end", end); err != nil {
			return err
		}
		if cmd.Flags().Changed("data") {
			body, err := a.data(data)
			if err != nil {
				return err
			}
			if s.Payload, err = io.ReadAll(body); err != nil {
				return err
			}
		}
		if err := s.Validate(); err != nil {
			return usageError{plain(err)}
		}
		if _, _, err := schedule.Check(s.When, s.TimeZone); err != nil {
			return usageError{plain(err)}
		}
		return a.connected(func(c *client.Client) error {
			kept, err := c.PutSchedule(cmd.Context(), s, replace)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s  %s\n", kept.Name, dueText(kept))
			return err
		})
	}
	return cmd
}

// moment reads a flag that is a time; "" is none.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usagef("--%s %q: write it like 2030-01-01T09:00:00Z", flag, text)
	}
	return t, nil
}

// dueText is when a schedule is due next, in its own time zone.
func dueText(s rouse.ScheduleStatus) string {
	switch {
	case s.Disabled:
		return "disabled"
	case s.Next.IsZero():
		return "ended"
	}
	return "next " + inZone(s, s.Next)
}

func inZone(s rouse.ScheduleStatus, t time.Time) string {
	if zone, err := time.LoadLocation(s.TimeZone); err == nil {
		t = t.In(zone)
	}
	return t.Format("Mon 2006-01-02 15:04:05 MST")
}

func (a *app) schedulesList() *cobra.Command {
	cmd := &cobra.Command{Use: "ls", Aliases: []string{"list"}, Short: "list schedules", Example: "  rouse schedules ls\n  rouse schedules ls --json", Args: cobra.NoArgs}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.connected(func(c *client.Client) error {
			list, err := c.Schedules(cmd.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.stderr, "No schedules yet. rouse schedules create --help shows how to make one.")
				return nil
			}
			t := newTable(a.stdout, "SCHEDULE", "FUNCTION", "WHEN", "ZONE", "RUNS", "DUE")
			for _, s := range list {
				t.row(s.Name, s.Ref().String(), s.When, cmp.Or(s.TimeZone, "UTC"), fmt.Sprint(s.State.Runs), dueText(s))
			}
			return t.flush()
		})
	}
	return cmd
}

func (a *app) schedulesShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show SCHEDULE", Short: "show a schedule and how it stands", Example: "  rouse schedules show nightly", Args: cobra.ExactArgs(1)}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.connected(func(c *client.Client) error {
			s, err := c.Schedule(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, s)
			}
			last := "-"
			if !s.State.LastDue.IsZero() {
				last = strings.TrimSpace(inZone(s, s.State.LastDue) + " " + cmp.Or(s.State.LastJob, s.State.Error))
			}
			t := newTable(a.stdout, "SCHEDULE", s.Name)
			for _, row := range [][2]string{
				{"FUNCTION", s.Ref().String()}, {"WHEN", s.When + " " + cmp.Or(s.TimeZone, "UTC")}, {"DUE", dueText(s)}, {"LAST", last},
				{"RUNS", fmt.Sprintf("%d, %d missed, %d failed", s.State.Runs, s.State.Missed, s.State.Failed)},
				{"MISSED", fmt.Sprintf("%s, within %s", s.Missed, s.MissedWithin)}, {"PAYLOAD", cmp.Or(string(s.Payload), "-")},
			} {
				t.row(row[0], row[1])
			}
			return t.flush()
		})
	}
	return cmd
}

func (a *app) schedulesNext() *cobra.Command {
	var expression, zone string
	var count int
	cmd := &cobra.Command{
		Use:   "next [SCHEDULE]",
		Short: "tell when a schedule is due",
		Long:  "Tell when a schedule is due, or with --when what an expression means, without a server.",
		Args:  cobra.MaximumNArgs(1),
	}
	cmd.Example = "  rouse schedules next nightly --count 3\n  rouse schedules next --when 'cron(0 2 L * ? *)' --time-zone Europe/Berlin"
	cmd.Flags().IntVar(&count, "count", 10, "how many times, at most 1000")
	cmd.Flags().StringVar(&expression, "when", "", "an expression instead of a schedule")
	cmd.Flags().StringVar(&zone, "time-zone", "", "time zone of the expression (default UTC)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case (expression == "") == (len(args) == 0):
			return usagef("give either a schedule or --when")
		case count < 1 || count > 1000:
			return usagef("--count %d: must be 1 to 1000", count)
		case expression != "":
			return a.explainWhen(expression, zone, count)
		}
		return a.connected(func(c *client.Client) error { return a.nextRuns(cmd.Context(), c, args[0], count) })
	}
	return cmd
}

func (a *app) nextRuns(ctx context.Context, c *client.Client, name string, count int) error {
	s, err := c.Schedule(ctx, name)
	if err != nil {
		return err
	}
	list, err := c.NextRuns(ctx, name, count)
	if err != nil {
		return err
	}
	for _, t := range list {
		fmt.Fprintln(a.stdout, inZone(s, t))
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, dueText(s))
	}
	return nil
}

// explainWhen prints when an expression is due from now on.
func (a *app) explainWhen(expression, zone string, count int) error {
	e, location, err := schedule.Check(expression, zone)
	if err != nil {
		return usageError{plain(err)}
	}
	now := time.Now()
	t := now
	for range count {
		if t = e.Next(t, now); t.IsZero() {
			break
		}
		fmt.Fprintln(a.stdout, t.In(location).Format("Mon 2006-01-02 15:04:05 MST"))
	}
	return nil
}

func (a *app) schedulesSwitch(use, short string, disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: use + " SCHEDULE", Short: short, Example: "  rouse schedules " + use + " nightly", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.connected(func(c *client.Client) error {
			s, err := c.DisableSchedule(cmd.Context(), args[0], disabled)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s  %s\n", s.Name, dueText(s))
			return err
		})
	}
	return cmd
}

func (a *app) schedulesRemove() *cobra.Command {
	cmd := &cobra.Command{Use: "rm SCHEDULE...", Short: "delete schedules; jobs that they made go on", Example: "  rouse schedules rm nightly", Args: cobra.MinimumNArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return a.connected(func(c *client.Client) error {
			for _, name := range names {
				if err := c.DeleteSchedule(cmd.Context(), name); err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "deleted %s\n", name)
			}
			return nil
		})
	}
	return cmd
}
