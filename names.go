package rouse

import (
	"strconv"
	"strings"
)

// FunctionName names a function: 1 to 64 of A–Z, a–z, 0–9, '-' and '_'.
type FunctionName string

// Qualifier selects one of a function's revisions: Latest, a published
// version's number, an alias, or a revision's id.
type Qualifier string

// Latest is the qualifier of a function's newest revision.
const Latest Qualifier = "$LATEST"

// RevisionID is the content hash that names a revision: 32 lower-case hex digits.
type RevisionID string

// Short is the form of the id that people read in listings.
func (id RevisionID) Short() string {
	if len(id) > 12 {
		return string(id[:12])
	}
	return string(id)
}

// SandboxID names one sandbox of this host; it is never used twice.
type SandboxID string

// InstanceID names one instance. An instance lives in one sandbox and shares its id.
type InstanceID = SandboxID

// word says whether s is 1 to most letters, digits, '-' or '_'. Every request's
// name passes here, which is why it is not a regular expression.
func word(s string, most int) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most
}

const (
	maxName      = 64
	maxQualifier = 128
)

// ParseFunctionName accepts a function's name or says what a name may be.
func ParseFunctionName(s string) (FunctionName, error) {
	if !word(s, maxName) {
		return "", Errorf(Invalid, "name %q: use 1 to 64 letters, digits, '-' or '_'", Clip(s))
	}
	return FunctionName(s), nil
}

// Ref is how callers name what they call: NAME or NAME:QUALIFIER.
type Ref struct {
	Name      FunctionName
	Qualifier Qualifier // Latest when none was given
}

// ParseRef reads NAME[:QUALIFIER].
func ParseRef(s string) (Ref, error) {
	name, qualifier, qualified := strings.Cut(s, ":")
	fn, err := ParseFunctionName(name)
	if err != nil {
		return Ref{}, err
	}
	if !qualified {
		return Ref{Name: fn, Qualifier: Latest}, nil
	}
	if qualifier != string(Latest) && !word(qualifier, maxQualifier) {
		return Ref{}, Errorf(Invalid, "qualifier %q: use $LATEST, a version number, an alias or a revision id", Clip(qualifier))
	}
	return Ref{Name: fn, Qualifier: Qualifier(qualifier)}, nil
}

// ParseAlias accepts an alias' name, which cannot be mistaken for a version.
func ParseAlias(s string) (Qualifier, error) {
	_, numeric := strconv.Atoi(s)
	if numeric == nil || !word(s, maxQualifier) {
		return "", Errorf(Invalid, "alias %q: use 1 to 128 letters, digits, '-' or '_', not only digits", Clip(s))
	}
	return Qualifier(s), nil
}

func (r Ref) String() string {
	if r.Qualifier == "" || r.Qualifier == Latest {
		return string(r.Name)
	}
	return string(r.Name) + ":" + string(r.Qualifier)
}
