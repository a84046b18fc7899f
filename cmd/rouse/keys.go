package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse/cmd/rouse/client"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "make, list and remove the keys of callers",
		Long: "Make, list and remove keys. With rouse serve --auth keys, callers need one: clients of AWS sign with\n" +
			"it, all others send it as Authorization: Bearer ID:SECRET, and this program takes it from ROUSE_TOKEN.",
		Example: "  rouse keys create --name ci\n  rouse keys ls\n  rouse keys rm ROUSEABCDEFGHIJKLMNO",
	}
	for _, sub := range []*cobra.Command{a.keysCreate(), a.keysList(), a.keysRemove()} {
		a.serverFlag(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (a *app) keysCreate() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "make a key; its secret is shown this once",
		Example: "  rouse keys create --name ci\n  rouse keys create --json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&name, "name", "", "what the key is for, for people")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.connected(func(c *client.Client) error {
			key, err := c.CreateKey(cmd.Context(), name)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, key)
			}
			_, err = fmt.Fprintf(a.stdout, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nROUSE_TOKEN=%s:%s\n", key.ID, key.Secret, key.ID, key.Secret)
			return err
		})
	}
	return cmd
}

func (a *app) keysList() *cobra.Command {
	cmd := &cobra.Command{Use: "ls", Aliases: []string{"list"}, Short: "list keys, without their secrets", Example: "  rouse keys ls", Args: cobra.NoArgs}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.connected(func(c *client.Client) error {
			keys, err := c.Keys(cmd.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(a.stdout, keys)
			}
			if len(keys) == 0 {
				fmt.Fprintln(a.stderr, "No keys yet. rouse keys create makes one.")
				return nil
			}
			t := newTable(a.stdout, "KEY", "NAME", "CREATED")
			for _, key := range keys {
				t.row(key.ID, cmp.Or(key.Name, "-"), age(time.Now(), key.Created))
			}
			return t.flush()
		})
	}
	return cmd
}

func (a *app) keysRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rm KEY...", Short: "have keys believed no more", Example: "  rouse keys rm ROUSEABCDEFGHIJKLMNO", Args: cobra.MinimumNArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		return a.connected(func(c *client.Client) error {
			for _, id := range ids {
				if err := c.DeleteKey(cmd.Context(), id); err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "removed %s\n", id)
			}
			return nil
		})
	}
	return cmd
}
