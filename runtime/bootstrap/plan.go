package bootstrap

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// Plan returns the command that runs rev in a sandbox laid out as l. Argv is
// empty when the image's own entry point is to be used. Errors are Invalid.
func (p Planner) Plan(rev rouse.Revision, l rouse.Layout) (rouse.Command, error) {
	spec := rev.Spec
	if spec.Artifact.Image != "" {
		env, err := p.environment(rev, entry{}, l)
		return rouse.Command{Argv: expand(spec.Command, l), Env: env}, err
	}
	e, err := find(spec.Runtime)
	if err != nil {
		return rouse.Command{}, err
	}
	if err := compatible(spec, e); err != nil {
		return rouse.Command{}, err
	}
	env, err := p.environment(rev, e, l)
	if err != nil {
		return rouse.Command{}, err
	}
	return rouse.Command{Argv: wrapped(argv(spec, e, l), spec, e, l), Env: env, Dir: l.Task}, nil
}

// compatible says whether a runtime can run the spec at all.
func compatible(spec rouse.Spec, e entry) error {
	switch {
	case e.family == model && spec.Contract != rouse.ContractHTTP:
		return rouse.Errorf(rouse.Invalid, "contract %s: runtime onnx serves contract http", spec.Contract)
	case len(spec.Command) > 0 || e.family == provided || e.family == model:
		return nil
	case spec.Handler == "" && spec.Contract == rouse.ContractLambda:
		return rouse.Errorf(rouse.Invalid, "handler: missing; runtime %s needs one, such as app.handler", e.name)
	case spec.Handler == "":
		return rouse.Errorf(rouse.Invalid, "handler: missing; for contract http name the file to run, or give a command")
	}
	return nil
}

func argv(spec rouse.Spec, e entry, l rouse.Layout) []string {
	program := e.program
	if l.Interpreter != "" {
		program = l.Interpreter
	}
	if len(spec.Command) > 0 {
		args := expand(spec.Command, l)
		if l.Interpreter != "" && names(e, args[0]) {
			args[0] = l.Interpreter
		}
		return args
	}
	switch e.family {
	case provided:
		if spec.Contract == rouse.ContractHTTP && spec.Handler != "" {
			return []string{path.Join(l.Task, spec.Handler)}
		}
		return []string{cmp.Or(l.Bootstrap, path.Join(l.Task, "bootstrap"))}
	case model:
		return []string{program, "--model", path.Join(l.Task, modelFile(spec))}
	case python:
		if spec.Contract == rouse.ContractLambda {
			return slices.Concat([]string{program}, lambdaOptions, []string{path.Join(l.Runtime, "python", "bootstrap.py"), spec.Handler})
		}
	case node:
		if spec.Contract == rouse.ContractLambda {
			return []string{program, path.Join(l.Runtime, "node", "bootstrap.cjs"), spec.Handler}
		}
	}
	return []string{program, path.Join(l.Task, spec.Handler)}
}

// names reports whether a command's first word means the runtime's own interpreter.
func names(e entry, word string) bool {
	return word == e.program || e.family == python && (word == "python" || word == "python3")
}

func modelFile(spec rouse.Spec) string {
	if spec.Handler != "" {
		return spec.Handler
	}
	return "model.onnx"
}

// expand replaces $PORT and ${PORT} in each word of a command.
func expand(command []string, l rouse.Layout) []string {
	if len(command) == 0 {
		return nil
	}
	replacer := strings.NewReplacer("${PORT}", l.Port, "$PORT", l.Port)
	args := slices.Clone(command)
	for i, arg := range args {
		args[i] = replacer.Replace(arg)
	}
	return args
}
