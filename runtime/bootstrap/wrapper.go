package bootstrap

import (
	"path"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// startWrapper runs a wrapper, or says why not as AWS's own runtimes do.
const startWrapper = `[ -f "$1" ] || { echo "$1: does not exist"; exit 127; }
[ -x "$1" ] || { echo "$1: is not an executable"; exit 126; }
exec "$@"`

// wrapped has the program that AWS_LAMBDA_EXEC_WRAPPER names start what argv says:
// its arguments are the interpreter, options and our bootstrap, the last, which
// takes the handler from _HANDLER, since wrappers change it. As on AWS this is for
// runtimes that bring an interpreter.
func wrapped(argv []string, spec rouse.Spec, e entry, l rouse.Layout) []string {
	wrapper := spec.Environment[rouse.ExecWrapper]
	if wrapper == "" || spec.Contract != rouse.ContractLambda || len(spec.Command) > 0 || e.family != python && e.family != node {
		return argv
	}
	for mounted, here := range map[string]string{"/opt/": l.Opt, "/var/task/": l.Task} {
		if rest, ok := strings.CutPrefix(wrapper, mounted); ok && here != "" {
			wrapper = path.Join(here, rest)
		}
	}
	argv = argv[:len(argv)-1]
	// What sets an interpreter up by its environment expects the site module.
	argv = slices.DeleteFunc(argv, func(word string) bool { return word == "-S" })
	return append([]string{"/bin/sh", "-c", startWrapper, "sh", wrapper}, argv...)
}
