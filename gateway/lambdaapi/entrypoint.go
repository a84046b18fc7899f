package lambdaapi

import (
	"strconv"
	"strings"
)

// cannotRun are the agent's reasons why a program does not run, and AWS's, which are
// those of Go.
var cannotRun = []struct{ said, words string }{
	{"no such file or directory", "no such file or directory"},
	{"the interpreter that ", "no such file or directory"},
	{"permission denied", "permission denied"},
	{"a program for another machine", "exec format error"},
	{"not a program ", "exec format error"},
}

// entrypoint puts in AWS's words why a process could not be started at all. The log
// has the agent's, which say more.
func entrypoint(said string) string {
	rest, ok := strings.CutPrefix(said, "exec: ")
	file, reason, found := strings.Cut(rest, ": ")
	switch {
	case !ok || !found:
		return said
	case file == "/var/task/bootstrap" && strings.HasPrefix(reason, "no such file"):
		return "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
	case strings.HasPrefix(reason, "not found in PATH"):
		return "exec: " + strconv.Quote(file) + ": executable file not found in $PATH"
	}
	for _, r := range cannotRun {
		if strings.HasPrefix(reason, r.said) {
			return "fork/exec " + file + ": " + r.words
		}
	}
	return said
}
