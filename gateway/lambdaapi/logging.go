package lambdaapi

import (
	"cmp"

	"github.com/rousehq/rouse"
)

// loggingConfig is AWS's LoggingConfig.
type loggingConfig struct {
	LogFormat           string
	ApplicationLogLevel rouse.LogLevel `json:",omitempty"`
	SystemLogLevel      rouse.LogLevel `json:",omitempty"`
	LogGroup            string         `json:",omitempty"`
}

// into sets what was given of a function's logging. What was not stays, and is INFO
// where the log becomes JSON.
func (l *loggingConfig) into(spec *rouse.Spec) error {
	spec.LogGroup = cmp.Or(l.LogGroup, spec.LogGroup)
	if l.LogFormat == "Text" || l.LogFormat == "" && spec.Logging == nil {
		if l.ApplicationLogLevel != "" || l.SystemLogLevel != "" {
			return invalid("LoggingConfig: ApplicationLogLevel and SystemLogLevel need the LogFormat JSON")
		}
		spec.Logging = nil
		return nil
	}
	next := rouse.Logging{Application: rouse.LogInfo, System: rouse.LogInfo}
	if spec.Logging != nil {
		next = *spec.Logging
	}
	next.Application = cmp.Or(l.ApplicationLogLevel, next.Application)
	next.System = cmp.Or(l.SystemLogLevel, next.System)
	spec.Logging = &next
	return nil
}

// loggingOf describes a version's logging.
func loggingOf(spec *rouse.Spec, name rouse.FunctionName) loggingConfig {
	l := loggingConfig{LogFormat: "Text", LogGroup: rouse.LogGroup(name, spec)}
	if spec.Logging != nil {
		l.LogFormat, l.ApplicationLogLevel, l.SystemLogLevel = "JSON", spec.Logging.Application, spec.Logging.System
	}
	return l
}

// ownLogGroup refuses the log group of another function: each has one of its own.
func (a *api) ownLogGroup(r *request, l *loggingConfig) error {
	if l == nil || l.LogGroup == "" {
		return nil
	}
	t, err := a.targetOf(r)
	if err != nil {
		return err
	}
	for _, fn := range a.Catalog.Functions() {
		rev, err := a.Catalog.Revision(fn.Latest)
		if err == nil && fn.Name != t.name && rouse.LogGroup(fn.Name, &rev.Spec) == l.LogGroup {
			return unsupported("LoggingConfig LogGroup "+l.LogGroup, "function "+string(fn.Name)+" has it, and functions share none; use another")
		}
	}
	return nil
}
