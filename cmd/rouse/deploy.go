package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/cmd/rouse/option"
	"github.com/rousehq/rouse/cmd/rouse/project"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func (a *app) deployCommand() *cobra.Command {
	var fn project.Function
	var file string
	wait := true
	var noWait bool
	cmd := &cobra.Command{
		Use:   "deploy NAME | deploy -f FILE [NAME...]",
		Short: "make a function, or give it new code",
		Long: "Make a function from an image, code or a model, or give it a new revision. Traffic moves when\n" +
			"the new revision's first instance is ready; one that fails to start leaves the old one serving.\n" +
			"What a flag does not say about the code takes its default; settings (from --idle on) that no\n" +
			"flag names stay as they are. With -f, everything that a project's file declares is deployed, and\n" +
			"its queues, mappings and schedules become what the file says; only of queues none is deleted.",
		Example: "  rouse deploy hello --code ./src --runtime python3.11 --handler app.handler\n" +
			"  rouse deploy web --image shop/web --contract http --concurrency 80\n" +
			"  rouse deploy digits --model digits.onnx\n" +
			"  rouse deploy -f rouse.yaml",
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVarP(&file, "file", "f", "", "deploy what a project's file declares, usually rouse.yaml")
	defaults := project.Defaults()
	option.Flags(fs, &fn, &defaults)
	fs.BoolVar(&wait, "wait", true, "wait until the first instance is ready")
	fs.BoolVar(&noWait, "no-wait", false, "return before the first instance is ready")
	cmd.MarkFlagsMutuallyExclusive("wait", "no-wait")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d := deployer{app: a, wait: wait && !noWait}
		p, err := d.what(file, fn, args)
		if err != nil {
			return err
		}
		if d.client, err = a.client(); err != nil {
			return usageError{plain(err)}
		}
		defer d.client.Close()
		return d.deployProject(cmd.Context(), p, file != "")
	}
	return cmd
}

// deployer is one run of rouse deploy.
type deployer struct {
	*app
	client *client.Client
	wait   bool
}

// what is the project, or the part of one, that the command line means.
func (d deployer) what(file string, fn project.Function, args []string) (project.Project, error) {
	none := project.Project{}
	fields := option.Fields(&fn)
	declared := slices.ContainsFunc(fields, option.Field.IsSet)
	if file == "" {
		if len(args) == 0 && !declared {
			if _, err := os.Stat(project.FileName); err == nil {
				return none, usagef("say what to deploy: NAME with its code, or -f %s for all of it", project.FileName)
			}
		}
		if len(args) != 1 {
			return none, usagef("deploy takes one NAME, like: rouse deploy hello --code ./src --runtime python3.11 --handler app.handler")
		}
		name, err := rouse.ParseFunctionName(args[0])
		if err != nil {
			return none, usageError{plain(err)}
		}
		if _, err := fn.Spec(""); err != nil {
			return none, usageError{plain(err)}
		}
		return project.Project{Functions: []project.Named{{Name: name, Function: fn}}}, nil
	}
	if declared {
		return none, usagef("-f takes everything from the file; give no other options but --wait and --server")
	}
	p, err := project.Load(file)
	if err != nil || len(args) == 0 {
		return p, err
	}
	for _, arg := range args {
		if !p.Declares(rouse.FunctionName(arg)) {
			return none, usagef("%s declares no function %q", file, arg)
		}
	}
	return p.Only(func(name rouse.FunctionName) bool { return slices.Contains(args, string(name)) }), nil
}

// deployProject deploys the functions between the queues that they may use and
// what calls them. whole says that p declares all there is to say.
func (d deployer) deployProject(ctx context.Context, p project.Project, whole bool) error {
	if err := d.putQueues(ctx, p.Queues); err != nil {
		return err
	}
	failed, err := d.deployAll(ctx, p.Dir, p.Functions, whole)
	if !whole || ctx.Err() != nil {
		return err
	}
	// What calls a function that was not deployed stays as it is.
	p = p.Only(func(name rouse.FunctionName) bool { return !slices.Contains(failed, name) })
	for _, put := range []func(context.Context, project.Project) error{d.putMappings, d.putSchedules} {
		switch e := put(ctx, p); {
		case e == nil:
		case err == nil:
			err = e
		default:
			d.explain(e)
		}
	}
	return err
}

// deployAll goes on after a failure, so that one broken function does not keep
// a project's others from being deployed. It names those that failed.
func (d deployer) deployAll(ctx context.Context, dir string, fns []project.Named, whole bool) (failed []rouse.FunctionName, err error) {
	var names []string
	for _, fn := range fns {
		err := d.deploy(ctx, dir, fn, whole)
		if err == nil {
			continue
		}
		failed = append(failed, fn.Name)
		if len(fns) == 1 || ctx.Err() != nil {
			return failed, err
		}
		fmt.Fprintf(d.stderr, "%s failed:\n", fn.Name)
		d.explain(err)
		names = append(names, string(fn.Name))
	}
	if len(failed) > 0 {
		return failed, fmt.Errorf("%d of %d functions were not deployed: %s", len(failed), len(fns), strings.Join(names, ", "))
	}
	return nil, nil
}

// deploy deploys one function. whole says that fn declares all its settings.
func (d deployer) deploy(ctx context.Context, dir string, fn project.Named, whole bool) error {
	spec, err := fn.Spec(dir)
	if err != nil {
		return err
	}
	var before *adminapi.FunctionView // nil where it does not matter
	if !whole {
		if before, err = d.before(ctx, fn.Name); err != nil {
			return err
		}
	}
	settings := settingsOf(fn, before, whole)
	show := newProgress(d.stderr)
	defer show.done()
	if spec.Artifact.Image == "" {
		spec.Artifact, err = d.upload(ctx, dir, fn, show)
		if err != nil {
			return err
		}
	}
	if spec.Layers, err = d.uploadLayers(ctx, dir, fn, show); err != nil {
		return err
	}
	began := time.Now()
	done, err := d.client.Deploy(ctx, rouse.Deployment{Name: fn.Name, Spec: spec, Settings: settings, Wait: d.wait},
		func(message string) { show.say("%s: %s", fn.Name, message) })
	if err != nil {
		return err
	}
	show.done()
	if before != nil && done.Changed {
		if lost := resets(before.Revision.Spec, done.Revision.Spec, fn.Function); len(lost) > 0 {
			fmt.Fprintf(d.stderr, "%s: back to the default, since it was not given: %s\n", fn.Name, strings.Join(lost, ", "))
		}
	}
	fmt.Fprintf(d.stdout, "%s  %s  %s\n", fn.Name, done.Revision.ID.Short(), outcome(done, d.wait, time.Since(began)))
	fmt.Fprintf(d.stdout, "%s  %s/fn/%s/\n", strings.Repeat(" ", len(fn.Name)), d.client.Server(), fn.Name)
	return nil
}

// outcome is a deployment's result in words.
func outcome(done rouse.Deployed, waited bool, took time.Duration) string {
	verb := "deployed"
	switch {
	case done.Created:
		verb = "created"
	case !done.Changed:
		return "unchanged"
	case !waited && done.Function.Latest != done.Revision.ID:
		return "starting; traffic moves when it is ready"
	}
	if waited && done.Started > 0 {
		return fmt.Sprintf("%s, first instance ready in %s", verb, done.Started.D().Round(time.Millisecond))
	}
	return fmt.Sprintf("%s in %s", verb, took.Round(time.Millisecond))
}

// before is the function as it is; nil when it does not exist.
func (d deployer) before(ctx context.Context, name rouse.FunctionName) (*adminapi.FunctionView, error) {
	view, err := d.client.Function(ctx, name)
	switch {
	case rouse.CodeOf(err) == rouse.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &view, nil
}

// settingsOf are what the function is to have; nil leaves them to the server.
func settingsOf(fn project.Named, before *adminapi.FunctionView, whole bool) *rouse.Settings {
	if !whole && fn.Scaling == (project.Scaling{}) {
		return nil
	}
	base := rouse.DefaultSettings()
	if before != nil {
		base = before.Settings
	}
	settings := fn.Over(base)
	return &settings
}
