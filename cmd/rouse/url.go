package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/client"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/lambdaapi"
)

// public are the statements that let everybody call a function's URL, as AWS's
// own console names them.
var public = []client.Permission{
	{StatementId: "FunctionURLAllowPublicAccess", Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: rouse.URLAuthNone},
	{StatementId: "FunctionURLInvokeAllowPublicAccess", Action: "lambda:InvokeFunction", Principal: "*", InvokedViaFunctionUrl: true},
}

func (a *app) urlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "url",
		Short: "give functions URLs of their own",
		Long: "Give functions URLs of their own, as AWS Lambda does: requests are events of payload format 2.0,\n" +
			"and the path is the function's alone.",
		Example: "  rouse url create hello\n  rouse url create hello:live --auth aws-iam --stream\n  rouse url ls\n  rouse url rm hello",
	}
	for _, sub := range []*cobra.Command{a.urlCreate(), a.urlList(), a.urlRemove()} {
		a.serverFlag(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (a *app) urlCreate() *cobra.Command {
	var cors client.URLCORS
	var auth string
	var stream, replace bool
	cmd := &cobra.Command{
		Use:   "create NAME[:ALIAS]",
		Short: "give a function, or an alias of it, a URL",
		Long: "Give a function, or an alias of it, a URL. With --auth none everybody who knows the URL may call\n" +
			"it, and needs no key; with aws-iam requests are signed for the service lambda.",
		Example: "  rouse url create hello\n" +
			"  rouse url create hello:live --auth aws-iam --stream\n" +
			"  rouse url create hello --cors https://app.example --cors-max-age 1h --replace",
		Args: cobra.ExactArgs(1),
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&auth, "auth", "none", "whose requests it takes: everybody's (none), or signed ones (aws-iam)")
	fs.BoolVar(&stream, "stream", false, "send the answer as it comes, not once the function has ended")
	fs.StringSliceVar(&cors.AllowOrigins, "cors", nil, "origins whose pages may read the answers, like https://app.example, or *")
	fs.StringSliceVar(&cors.AllowMethods, "cors-methods", []string{"*"}, "with --cors: methods that those pages may use")
	fs.StringSliceVar(&cors.AllowHeaders, "cors-headers", []string{"*"}, "with --cors: headers that their requests may have")
	fs.StringSliceVar(&cors.ExposeHeaders, "cors-expose", nil, "with --cors: headers of answers that they may read")
	fs.BoolVar(&cors.AllowCredentials, "cors-credentials", false, "with --cors: their requests may carry cookies")
	age := fs.Duration("cors-max-age", 0, "with --cors: how long browsers remember all that, at most 24h")
	fs.BoolVar(&replace, "replace", false, "change the URL that is there; it keeps its address")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := parseRef(args[0], "")
		if err != nil {
			return usageError{err}
		}
		u := client.URL{AuthType: rouse.URLAuth(strings.ReplaceAll(strings.ToUpper(auth), "-", "_")), InvokeMode: rouse.URLBuffered}
		if u.AuthType != rouse.URLAuthNone && u.AuthType != rouse.URLAuthIAM {
			return usagef("--auth %q: must be none or aws-iam", auth)
		}
		if stream {
			u.InvokeMode = rouse.URLStream
		}
		for _, name := range []string{"cors-methods", "cors-headers", "cors-expose", "cors-credentials", "cors-max-age"} {
			if fs.Changed(name) && len(cors.AllowOrigins) == 0 {
				return usagef("--%s: only with --cors", name)
			}
		}
		cors.MaxAge = int(*age / time.Second)
		if u.Cors = &cors; len(cors.AllowOrigins) == 0 {
			u.Cors = &client.URLCORS{} // of one that is replaced, none
		}
		return a.connected(func(c *client.Client) error { return a.putURL(cmd.Context(), c, ref, u, replace, *asJSON) })
	}
	return cmd
}

// putURL makes a URL or changes it, and has the function's policy say the same.
func (a *app) putURL(ctx context.Context, c *client.Client, ref rouse.Ref, u client.URL, replace, asJSON bool) error {
	made, err := c.PutURL(ctx, ref, u, replace)
	switch {
	case rouse.CodeOf(err) == rouse.Conflict:
		return rouse.Errorf(rouse.Conflict, "%s has a URL already; --replace changes it, and rouse url ls shows it", ref)
	case rouse.CodeOf(err) == rouse.NotFound && replace:
		return rouse.Errorf(rouse.NotFound, "%s has no URL that could be replaced; leave --replace out", ref)
	case rouse.CodeOf(err) == rouse.NotFound:
		return rouse.Errorf(rouse.NotFound, "function %q does not exist, or has no such alias", ref)
	case err != nil:
		return err
	}
	if err := allowEverybody(ctx, c, ref, made.AuthType == rouse.URLAuthNone); err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, made)
	}
	_, err = fmt.Fprintln(a.stdout, made.FunctionUrl)
	return err
}

// allowEverybody adds the statements that let everybody in, or takes them away.
func allowEverybody(ctx context.Context, c *client.Client, ref rouse.Ref, allow bool) error {
	for _, p := range public {
		err, fine := c.RemovePermission(ctx, ref, p.StatementId), rouse.NotFound
		if allow {
			err, fine = c.AddPermission(ctx, ref, p), rouse.Conflict
		}
		if err != nil && rouse.CodeOf(err) != fine {
			return err
		}
	}
	return nil
}

// listedURL is a function's URL in a listing.
type listedURL struct {
	Function rouse.FunctionName `json:"function"`
	Alias    rouse.Qualifier    `json:"alias,omitempty"`
	URL      string             `json:"url"`
	rouse.FunctionURL
}

func (a *app) urlList() *cobra.Command {
	cmd := &cobra.Command{Use: "ls [NAME]", Aliases: []string{"list"}, Short: "list URLs", Example: "  rouse url ls\n  rouse url ls hello --json", Args: cobra.MaximumNArgs(1)}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.connected(func(c *client.Client) error {
			list, err := urls(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, list)
			}
			if len(list) == 0 {
				fmt.Fprintln(a.stderr, "No URLs yet. rouse url create NAME makes one.")
				return nil
			}
			t := newTable(a.stdout, "FUNCTION", "AUTH", "ANSWERS", "CORS", "URL")
			for _, u := range list {
				answers, origins := "buffered", "-"
				if u.Mode == rouse.URLStream {
					answers = "streamed"
				}
				if u.CORS != nil {
					origins = strings.Join(u.CORS.Origins, " ")
				}
				t.row(rouse.Ref{Name: u.Function, Qualifier: u.Alias}.String(), strings.ReplaceAll(strings.ToLower(string(u.Auth)), "_", "-"), answers, origins, u.URL)
			}
			return t.flush()
		})
	}
	return cmd
}

// urls are those of one function, when it is named, or of all.
func urls(ctx context.Context, c *client.Client, names []string) ([]listedURL, error) {
	fns, err := c.Functions(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		fns = slices.DeleteFunc(fns, func(fn adminapi.FunctionView) bool { return string(fn.Name) != names[0] })
		if len(fns) == 0 {
			return nil, rouse.Errorf(rouse.NotFound, "function %q does not exist", names[0])
		}
	}
	list := []listedURL{}
	for _, fn := range fns {
		if fn.Lambda == nil {
			continue
		}
		for _, alias := range slices.Sorted(maps.Keys(fn.Lambda.URLs)) {
			u := fn.Lambda.URLs[alias]
			list = append(list, listedURL{fn.Name, alias, c.Server() + lambdaapi.URLPath + u.ID + "/", u})
		}
	}
	return list, nil
}

func (a *app) urlRemove() *cobra.Command {
	cmd := &cobra.Command{Use: "rm NAME[:ALIAS]...", Short: "take URLs away", Example: "  rouse url rm hello\n  rouse url rm hello:live", Args: cobra.MinimumNArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return a.connected(func(c *client.Client) error {
			for _, name := range names {
				ref, err := parseRef(name, "")
				if err != nil {
					return usageError{err}
				}
				if err := c.DeleteURL(cmd.Context(), ref); rouse.CodeOf(err) == rouse.NotFound {
					return rouse.Errorf(rouse.NotFound, "%s has no URL", ref)
				} else if err != nil {
					return err
				}
				if err := allowEverybody(cmd.Context(), c, ref, false); err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "removed the URL of %s\n", ref)
			}
			return nil
		})
	}
	return cmd
}
