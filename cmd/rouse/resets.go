package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/project"
)

// resets names the flags that a deployment left out although the function had
// another value than their default, which it has lost: `--memory (was 3008MB)`.
func resets(before, after rouse.Spec, given project.Function) []string {
	var lost []string
	for _, f := range []struct {
		flag    string
		given   bool
		was, is string
	}{
		{"contract", given.Contract != "" || given.Model != "", string(before.Contract), string(after.Contract)},
		{"memory", given.Memory != nil, before.Memory.String(), after.Memory.String()},
		{"timeout", given.Timeout != nil, before.Timeout.String(), after.Timeout.String()},
		{"cpu", given.CPU != nil, fmt.Sprint(before.CPU), fmt.Sprint(after.CPU)},
		{"tmp", given.Tmp != nil, before.Tmp.String(), after.Tmp.String()},
		{"network", given.Network != "", string(before.Network), string(after.Network)},
		{"caps", given.Caps != "", string(before.Caps), string(after.Caps)},
		{"writable", given.Writable != nil, fmt.Sprint(before.Writable), fmt.Sprint(after.Writable)},
		{"health", given.Health != "", before.Health, after.Health},
		{"command", len(given.Command) > 0, strings.Join(before.Command, " "), strings.Join(after.Command, " ")},
		{"layer", len(given.Layers) > 0, count(before.Layers), count(after.Layers)},
		{"zygote", len(given.Zygote) > 0, strings.Join(before.Zygote, ","), strings.Join(after.Zygote, ",")},
		{"env", len(given.Env)+len(given.EnvFile) > 0, variables(before.Environment), variables(after.Environment)},
	} {
		if !f.given && f.was != f.is && f.was != "" {
			lost = append(lost, fmt.Sprintf("--%s (was %s)", f.flag, f.was))
		}
	}
	return lost
}

// variables names those of an environment, whose values are nobody's business.
func variables(env map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(env)), ", ")
}

func count(layers []string) string {
	if len(layers) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of them", len(layers))
}
