package rouse

import (
	"encoding/json"
	"time"
)

// LambdaFunction is what AWS Lambda's API keeps of a function beyond what runs
// it and beyond its Settings. A function that this API never changed has none.
type LambdaFunction struct {
	Tags     map[string]string         `json:"tags,omitempty"`
	Latest   LambdaVersion             `json:"latest"`             // of $LATEST
	Policies map[Qualifier][]Statement `json:"policies,omitempty"` // by what they are attached to
	// Recursive lets the function call itself, perhaps through others, without end.
	Recursive bool `json:"recursive,omitempty"`
	// Async is what becomes of events that are handled later, by the qualifier
	// that they were handed in for.
	Async map[Qualifier]LambdaAsync `json:"async,omitempty"`
	// URLs are the function's own addresses: at most one of $LATEST, under "",
	// and one of each alias.
	URLs map[Qualifier]FunctionURL `json:"urls,omitempty"`
	// Signing is the ID of the code signing configuration, or "".
	Signing string `json:"signing,omitempty"`
}

// LambdaAsync says how events are handled later, and who is told of their ends.
type LambdaAsync struct {
	Retries   *int      `json:"retries,omitempty"` // after the function failed; nil is 2
	MaxAge    *int      `json:"max_age,omitempty"` // seconds; nil is six hours
	OnSuccess string    `json:"on_success,omitempty"`
	OnFailure string    `json:"on_failure,omitempty"`
	Modified  time.Time `json:"modified"`
}

// LambdaVersion is what AWS Lambda's API keeps of $LATEST or of one version.
type LambdaVersion struct {
	Description string    `json:"description,omitempty"`
	Role        string    `json:"role,omitempty"` // for clients to read back; nobody assumes it
	RevisionID  string    `json:"revision_id,omitempty"`
	Modified    time.Time `json:"modified,omitzero"`
	// Serial changes whenever code or configuration is updated, to equal values too.
	Serial string `json:"serial,omitempty"`
	// Package is the archive as it was uploaded. It belongs to the revision whose
	// code is Package.Code, and to no other that came afterwards by another way.
	Package *Package      `json:"package,omitempty"`
	Layers  []LayerOfCode `json:"layers,omitempty"`
	// DeadLetter is the ARN of the queue for events that could not be handled.
	DeadLetter string `json:"dead_letter,omitempty"`
	// HasEnvironment says that variables were given, if only none.
	HasEnvironment bool `json:"has_environment,omitempty"`
}

// Package is an uploaded zip archive with what it unpacks to.
type Package struct {
	Digest string `json:"digest"` // "sha256:…" of the archive
	Size   Bytes  `json:"size"`   // of the archive
	Code   string `json:"code"`   // digest of the unpacked tree
	Files  Bytes  `json:"files"`  // bytes of the unpacked tree
}

// LayerOfCode is a layer version that a revision was made with. What it unpacked
// to stands in Spec.Layers at the same place.
type LayerOfCode struct {
	ARN   string `json:"arn"`
	Size  Bytes  `json:"size"`  // of the archive
	Files Bytes  `json:"files"` // of the unpacked tree
}

// Statement is one of a resource policy.
type Statement struct {
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`
}
