package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/suggest"
)

const defaultServer = "http://127.0.0.1:8080"

// usageError is a mistake on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	started := false // whatever fails before is the command line's fault
	root := a.root()
	note(root, &started)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var usage usageError
	if !started || errors.As(err, &usage) {
		fmt.Fprintf(a.stderr, "rouse: %s\n", strings.TrimSpace(err.Error()))
		fmt.Fprintf(a.stderr, "Run %s --help for how it is used.\n", cmd.CommandPath())
		return exitUsage
	}
	a.explain(err)
	return exitFailed
}

// note has every command below cmd say when it starts.
func note(cmd *cobra.Command, started *bool) {
	for _, cmd := range cmd.Commands() {
		note(cmd, started)
		if body := cmd.RunE; body != nil {
			cmd.RunE = func(cmd *cobra.Command, args []string) error { *started = true; return body(cmd, args) }
		}
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rouse",
		Short: "functions that sleep until they are called",
		Long: "Rouse runs functions that sleep until they are called: AWS Lambda handlers, HTTP servers\n" +
			"and models, on your own machine.",
		Example: "  rouse serve\n" +
			"  rouse deploy hello --code ./src --runtime python3.11 --handler app.handler\n" +
			"  rouse invoke hello -d '{\"name\": \"you\"}'",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(&cobra.Group{ID: "functions", Title: "Functions:"}, &cobra.Group{ID: "platform", Title: "The platform:"})
	for _, cmd := range []*cobra.Command{
		a.deployCommand(), a.invokeCommand(), a.benchCommand(), a.lsCommand(), a.psCommand(), a.logsCommand(), a.scaleCommand(),
		a.publishCommand(), a.versionsCommand(), a.aliasCommand(), a.rollbackCommand(), a.rmCommand(), a.batchCommand(),
	} {
		cmd.GroupID = "functions"
		a.serverFlag(cmd)
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{a.jobsCommand(), a.schedulesCommand(), a.urlCommand()} {
		cmd.GroupID = "functions"
		root.AddCommand(cmd)
	}
	top := a.topCommand()
	a.serverFlag(top)
	for _, cmd := range []*cobra.Command{a.serveCommand(), a.keysCommand(), top, a.configCommand(), a.schemaCommand(), a.versionCommand()} {
		cmd.GroupID = "platform"
		root.AddCommand(cmd)
	}
	strict(root)
	a.complete(root)
	// A command that only has others says what it has, and is not used alone.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.SetHelpCommandGroupID("platform")
	root.SetCompletionCommandGroupID("platform")
	return root
}

func (a *app) serverFlag(cmd *cobra.Command) {
	server := defaultServer
	if given, ok := a.getenv("ROUSE_SERVER"); ok && given != "" {
		server = given
	}
	cmd.Flags().StringVar(&a.server, "server", server, "URL of the server; the environment variable ROUSE_SERVER sets it too")
}

// flagError names the nearest flag to one that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if unknown {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := suggest.Nearest(name, known); near != "" {
			return usageError{fmt.Errorf("unknown flag --%s; did you mean --%s?", name, near)}
		}
	}
	var public *rouse.Error
	if errors.As(err, &public) {
		// pflag wraps the reason in: invalid argument "x" for "--memory" flag.
		return usageError{errors.New(strings.Replace(err.Error(), public.Error(), public.Message, 1))}
	}
	return usageError{err}
}

// explain prints an error as people need it: what, the details that came with
// it, and one line on what to do.
func (a *app) explain(err error) {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.stderr, "rouse: interrupted")
		return
	}
	var e *rouse.Error
	if !errors.As(err, &e) {
		fmt.Fprintf(a.stderr, "rouse: %v\n", err)
		return
	}
	message := e.Message
	if e.Type != "" {
		message = e.Type + ": " + message
	}
	fmt.Fprintf(a.stderr, "rouse: %s\n", message)
	detail := strings.TrimSpace(e.Detail)
	if detail == "" { // a detail is the log, which has the stack already
		frames := slices.Clone(e.Trace) // Python's end with a newline
		for i := range frames {
			frames[i] = strings.TrimRight(frames[i], "\n")
		}
		detail = strings.Join(frames, "\n")
	}
	if detail != "" {
		fmt.Fprintf(a.stderr, "    %s\n", strings.ReplaceAll(detail, "\n", "\n    "))
	}
	if hint := hint(e); hint != "" {
		fmt.Fprintf(a.stderr, "%s\n", hint)
	}
}

// noPackage is what Python and Node.js say of an import that is not there.
var noPackage = regexp.MustCompile(`No module named |Cannot find (module|package) '`)

// noNetwork is what code says that reaches for the network and finds none.
var noNetwork = regexp.MustCompile(`(?i)name resolution|name or service not known|network is unreachable|ENETUNREACH|ENOTFOUND|EAI_AGAIN|lookup \S+ on |no such host`)

// hint is what to do about an error, when there is something to say.
func hint(e *rouse.Error) string {
	switch {
	case e.Code == rouse.Unavailable && strings.HasPrefix(e.Message, "no server answers"):
		return "Start one with rouse serve, or name another with --server or ROUSE_SERVER."
	case e.Code == rouse.NotFound && strings.HasPrefix(e.Message, "function ") && strings.HasSuffix(e.Message, "does not exist"):
		return "rouse ls lists the functions."
	case noPackage.MatchString(e.Message + e.Detail):
		return "Packages that the code imports have to lie in its folder: pip install -r requirements.txt -t FOLDER, or npm install."
	case (e.Type != "" || e.Detail != "") && noNetwork.MatchString(e.Message+e.Detail):
		return "A function reaches nothing outside of its sandbox unless it is deployed with --network egress."
	case e.Code == rouse.Unauthorized:
		return "Set ROUSE_TOKEN to a key, written as ID:SECRET; the server's first lies in its data folder, in first-key."
	}
	return ""
}
