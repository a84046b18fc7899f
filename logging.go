package rouse

import (
	"cmp"
	"regexp"
	"slices"
)

// LogLevel is how much a line of a log matters, in AWS's words.
type LogLevel string

// The levels, the least one first.
const (
	LogTrace LogLevel = "TRACE"
	LogDebug LogLevel = "DEBUG"
	LogInfo  LogLevel = "INFO"
	LogWarn  LogLevel = "WARN"
	LogError LogLevel = "ERROR"
	LogFatal LogLevel = "FATAL"
)

// Logging makes a lambda function's log JSON, as AWS does on demand, and says
// which lines are kept: those of a level and of all above it.
type Logging struct {
	// Application is for what the code logs; its runtime leaves out the rest.
	Application LogLevel `json:"application"`
	// System is for what the platform says: DEBUG, INFO or WARN.
	System LogLevel `json:"system"`
}

// LogGroup is what AWS's tools call a function's log.
func LogGroup(name FunctionName, spec *Spec) string {
	return cmp.Or(spec.LogGroup, "/aws/lambda/"+string(name))
}

// logGroup is AWS's rule for names of log groups.
var logGroup = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

// Validate says which level is wrong and what is allowed.
func (l Logging) Validate() error {
	if !slices.Contains([]LogLevel{LogTrace, LogDebug, LogInfo, LogWarn, LogError, LogFatal}, l.Application) {
		return Errorf(Invalid, "logging application %q: must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL", Clip(string(l.Application)))
	}
	if !slices.Contains([]LogLevel{LogDebug, LogInfo, LogWarn}, l.System) {
		return Errorf(Invalid, "logging system %q: must be DEBUG, INFO or WARN", Clip(string(l.System)))
	}
	return nil
}
