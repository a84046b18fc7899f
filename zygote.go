package rouse

import "strings"

// ZygoteAuto, as the only module of a zygote, stands for those that the
// function was seen to import.
const ZygoteAuto = "auto"

// ExecWrapper is the variable that names a program to start a runtime with.
const ExecWrapper = "AWS_LAMBDA_EXEC_WRAPPER"

const (
	maxModules = 64
	maxModule  = 128
)

// LearnsZygote says that the zygote's modules are not known yet.
func (s *Spec) LearnsZygote() bool { return len(s.Zygote) == 1 && s.Zygote[0] == ZygoteAuto }

// ValidModule says whether name is the dotted name of a Python module.
func ValidModule(name string) bool {
	if len(name) > maxModule {
		return false
	}
	for word := range strings.SplitSeq(name, ".") {
		for i := range len(word) {
			c := word[i]
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
			if !letter && (i == 0 || c < '0' || c > '9') {
				return false
			}
		}
		if word == "" {
			return false
		}
	}
	return true
}

// readEarly are the beginnings of variables' names that an interpreter or what
// it loads has read before a function's environment reaches a fork of it.
var readEarly = []string{"PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "OMP_", "OPENBLAS_", "GOTO_", "MKL_", "KMP_", "BLIS_", "NUMEXPR_"}

func (s *Spec) validateZygote() error {
	if len(s.Zygote) == 0 {
		return nil
	}
	switch {
	case s.Artifact.Image != "":
		return Errorf(Invalid, "zygote: an image holds its own code, and a zygote none; deploy code with a Python runtime, or leave it out")
	case !strings.HasPrefix(s.Runtime, "python"):
		return Errorf(Invalid, "zygote: runtime %s has none; Python's runtimes have", Clip(s.Runtime))
	case s.LearnsZygote() && s.Contract != ContractLambda:
		return Errorf(Invalid, "zygote auto: only functions of contract lambda report what they import; name the modules")
	case len(s.Command) > 0:
		return Errorf(Invalid, "zygote: a command of its own cannot be started from one; leave one of them out")
	case s.Writable:
		return Errorf(Invalid, "zygote: its root cannot become writable; leave one of them out")
	case len(s.Zygote) > maxModules:
		return Errorf(Invalid, "zygote: %d modules, must be at most %d", len(s.Zygote), maxModules)
	}
	for _, name := range s.Zygote {
		switch {
		case !ValidModule(name):
			return Errorf(Invalid, "zygote %q: must be a module's name, such as json or http.client, or auto", Clip(name))
		case name == ZygoteAuto && len(s.Zygote) > 1:
			return Errorf(Invalid, "zygote: auto learns the modules; give auto alone, or the modules")
		}
	}
	if s.Environment[ExecWrapper] != "" {
		return Errorf(Invalid, "environment %s: a fork of a zygote has no command to wrap; leave it or the zygote out", ExecWrapper)
	}
	for name := range s.Environment {
		for _, early := range readEarly {
			if strings.HasPrefix(name, early) {
				return Errorf(Invalid, "environment %s: it would come too late, since a zygote has read it before; leave it or the zygote out", Clip(name))
			}
		}
	}
	return nil
}
