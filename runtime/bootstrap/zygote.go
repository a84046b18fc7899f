package bootstrap

import (
	_ "embed"
	"maps"
	"slices"
	"strconv"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// zygoteProgram is handed to the interpreter as text, so that it always speaks
// as this agent does, however old a base image is.
//
//go:embed zygote/zygote.py
var zygoteProgram string

// Zygote returns the command of an interpreter with modules loaded, of which a
// fork becomes any process that Plan returns for code of that runtime and
// contract. It knows nothing of a function. Errors are Invalid.
func (Planner) Zygote(runtime string, contract rouse.Contract, modules []string, l rouse.Layout) (rouse.Command, error) {
	e, err := find(runtime)
	if err != nil {
		return rouse.Command{}, err
	}
	if e.family != python {
		return rouse.Command{}, rouse.Errorf(rouse.Invalid, "zygote: runtime %s has none; Python's runtimes have", runtime)
	}
	env := map[string]string{}
	ofCode(env, rouse.Spec{Contract: contract}, e, l)
	for _, name := range oneThread {
		env[name] = "1"
	}
	command := rouse.Command{Argv: []string{e.program}, Dir: "/"}
	if contract == rouse.ContractLambda {
		command.Argv = append(command.Argv, lambdaOptions...)
	}
	command.Argv = append(command.Argv, "-c", zygoteProgram, strconv.Itoa(wire.ZygoteControl), l.Task)
	command.Argv = append(command.Argv, modules...)
	for _, key := range slices.Sorted(maps.Keys(env)) {
		command.Env = append(command.Env, key+"="+env[key])
	}
	return command, nil
}

// lambdaOptions are those of the interpreter that runs our bootstrap. -S: it
// runs the site module when it is needed. -u: what a process printed before it
// was killed is not lost.
var lambdaOptions = []string{"-S", "-u"}

// oneThread has numeric libraries start no threads when they are loaded, since
// a fork has only the one that forks.
var oneThread = []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS"}
