package rouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Contract is how code in a sandbox is spoken to.
type Contract string

// The two contracts.
const (
	// ContractLambda code polls the AWS Lambda Runtime API.
	ContractLambda Contract = "lambda"
	// ContractHTTP code listens on $PORT.
	ContractHTTP Contract = "http"
)

// Network is what a sandbox can reach.
type Network string

// The network modes.
const (
	NetworkNone   Network = "none"   // loopback only; the default
	NetworkEgress Network = "egress" // outgoing connections
)

// Caps are the capabilities of an image's root user.
type Caps string

// The capabilities that there are.
const (
	CapsNone    Caps = ""        // none; the default
	CapsDefault Caps = "default" // those that Docker gives its containers, without a way to gain more
)

// Revision is an immutable artifact with its configuration, named by its
// content. All scaling is per revision.
type Revision struct {
	ID       RevisionID   `json:"id"`
	Function FunctionName `json:"function"`
	Spec     Spec         `json:"spec"`
	Created  time.Time    `json:"created"`
	// Preparing is set while what it runs is not here; nothing is started of it.
	Preparing *Preparing `json:"preparing,omitempty"`
	// Provisioned marks the copy from which a provisioned instance is started.
	Provisioned bool `json:"-"`
}

// LogStream names the log stream of an instance. Every sandbox has its own: code
// tells by it where it runs.
func (r *Revision) LogStream(instance string) string {
	sum := sha256.Sum256([]byte(instance))
	return r.Created.UTC().Format("2006/01/02") + "/[" + cmp.Or(r.Spec.Version, string(Latest)) + "]" + hex.EncodeToString(sum[:16])
}

// Spec is everything about a revision that its code can observe; any change
// makes another revision.
type Spec struct {
	Contract    Contract          `json:"contract"`
	Artifact    Artifact          `json:"artifact"`
	Runtime     string            `json:"runtime,omitempty"` // python3.11, nodejs20.x, provided, onnx; empty for images
	Handler     string            `json:"handler,omitempty"` // app.handler; for http with a runtime, the file to run
	Command     []string          `json:"command,omitempty"` // instead of the image's or runtime's own; $PORT is expanded
	Environment map[string]string `json:"environment,omitempty"`
	Memory      Bytes             `json:"memory"`
	Timeout     Duration          `json:"timeout"` // of one request
	CPU         float64           `json:"cpu"`     // cores
	Tmp         Bytes             `json:"tmp"`     // size of /tmp
	Network     Network           `json:"network"`
	Health      string            `json:"health,omitempty"` // http only: a path that answers 2xx once ready
	// Caps are for images whose entry point changes users or owners.
	Caps Caps `json:"caps,omitempty"`
	// Writable lets the code write to its whole root, as much as to /tmp.
	Writable bool `json:"writable,omitempty"`
	// Zygote are the modules that are loaded, ahead of the code, in the interpreter
	// that an instance begins as a fork of; ZygoteAuto alone learns them.
	Zygote []string `json:"zygote,omitempty"`
	// Layers are digests of unpacked trees that are joined at /opt; where two have
	// a file, the later one's is seen.
	Layers []string `json:"layers,omitempty"`
	// Image changes how an image is started.
	Image *ImageConfig `json:"image_config,omitempty"`
	// Logging makes the log of a lambda function JSON; nil leaves it as it is written.
	Logging *Logging `json:"logging,omitempty"`
	// LogGroup is the name of a lambda function's log for AWS's tools; empty is the usual one.
	LogGroup string `json:"log_group,omitempty"`
	// Traced has the traces that begin at a lambda function be sampled, which tells
	// its code to record them.
	Traced bool `json:"traced,omitempty"`
	// Version is what the code is told of its own version; empty is $LATEST. It
	// keeps a published version's instances apart from the newest revision's.
	Version string `json:"version,omitempty"`
}

// ImageConfig replaces parts of what an image says about its process; what is
// empty stays as the image has it.
type ImageConfig struct {
	EntryPoint []string `json:"entrypoint,omitempty"`
	Command    []string `json:"command,omitempty"` // the arguments behind the entry point
	Directory  string   `json:"directory,omitempty"`
}

// Artifact is what a revision runs: an image, or code (a model is code of
// runtime onnx) named by the digest of its content.
type Artifact struct {
	Image   string `json:"image,omitempty"`    // as the user named it
	ImageID string `json:"image_id,omitempty"` // what that name meant at deploy
	Source  string `json:"source,omitempty"`   // where the very same image can be had again: repository@digest
	Code    string `json:"code,omitempty"`     // "sha256:…" of the unpacked tree
	Size    Bytes  `json:"size,omitempty"`
}

// NewRevision names spec by its content. The function's name is part of the
// hash, since two functions never share instances.
func NewRevision(fn FunctionName, spec Spec, now time.Time) Revision {
	// Maps are encoded in key order, so equal specs have equal bytes. The size
	// follows from the digest, and not everybody who deploys says it; where an image
	// came from makes it no other.
	named := spec
	named.Artifact.Size, named.Artifact.Source = 0, ""
	b, err := json.Marshal(struct {
		Function FunctionName
		Spec     Spec
	}{fn, named})
	if err != nil {
		panic("rouse: a spec that cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return Revision{ID: RevisionID(hex.EncodeToString(sum[:16])), Function: fn, Spec: spec, Created: now}
}
