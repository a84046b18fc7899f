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
	l := loggingConfig{LogFormat: "Text", LogGroup: logGroup(name)}
	if spec.Logging != nil {
		l.LogFormat, l.ApplicationLogLevel, l.SystemLogLevel = "JSON", spec.Logging.Application, spec.Logging.System
	}
	return l
}

// logGroup is the name of a function's log group; each has its own.
func logGroup(name rouse.FunctionName) string { return "/aws/lambda/" + string(name) }
