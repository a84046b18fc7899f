package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rousehq/rouse/cmd/rouse/suggest"
)

// strict has cmd and every command below it say what is wrong with its arguments
// in the words of its own usage; one that only has commands refuses any other.
func strict(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
	switch check := cmd.Args; {
	case cmd.HasSubCommands() && cmd.RunE == nil:
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		}
	case check != nil:
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			return usageError{wrongArguments(cmd, args)}
		}
	}
}

// unknownCommand names the command that was perhaps meant, or all.
func unknownCommand(cmd *cobra.Command, word string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			known = append(append(known, sub.Name()), sub.Aliases...)
		}
	}
	near := suggest.Nearest(word, known)
	if near == "" {
		return usagef("unknown command %q; %s has %s", word, cmd.CommandPath(), strings.Join(known, ", "))
	}
	return usagef("unknown command %q; did you mean %s %s?", word, cmd.CommandPath(), near)
}

// wrongArguments says what a command takes and what it was given.
func wrongArguments(cmd *cobra.Command, args []string) error {
	_, takes, some := strings.Cut(cmd.Use, " ")
	if !some {
		takes = "no arguments"
	}
	given := "nothing"
	if len(args) > 0 {
		given = strings.Join(args, " ")
	}
	return fmt.Errorf("%s takes %s; it was given %s", strings.TrimPrefix(cmd.CommandPath(), "rouse "), takes, given)
}

// completionTimeout bounds how long a shell that completes a name waits for a server.
const completionTimeout = 2 * time.Second

// complete has shells complete the names of functions for cmd and every command
// below it that takes them.
func (a *app) complete(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		a.complete(sub)
	}
	_, takes, _ := strings.Cut(cmd.Use, " ")
	if !strings.HasPrefix(strings.TrimPrefix(takes, "["), "NAME") {
		return
	}
	many := strings.Contains(takes, "NAME...") || strings.Contains(takes, "]...")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		c, err := a.client()
		if err != nil || len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		fns, err := c.Functions(ctx)
		if err != nil { // there is nobody to tell
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, fn := range fns {
			if name := string(fn.Name); !slices.Contains(args, name) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
