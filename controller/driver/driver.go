package driver

import (
	"context"
	"strings"

	"github.com/rousehq/rouse"
)

// Driver makes sandboxes.
type Driver interface {
	// Name is the word of --driver.
	Name() string
	// Check says what is wrong with running rev here, before anything starts:
	// an image that does not exist, a runtime without an interpreter, more
	// memory than the host has. It returns rev's spec completed with what the
	// driver found out, such as the image's id. A spec with that id already means
	// that very image. It blocks on I/O. report, which
	// may be nil, is told of slow steps in words for people.
	Check(ctx context.Context, spec rouse.Spec, report func(string)) (rouse.Spec, error)
	// Make makes an empty sandbox and blocks until its agent answers.
	Make(ctx context.Context, c Class) (Sandbox, error)
	// List finds the sandboxes that an earlier Rouse with the same data
	// directory left, and nobody else's. It is called once, before Make.
	List(ctx context.Context) ([]Sandbox, error)
	// Close frees what the driver itself holds. Sandboxes are not its concern.
	Close() error
}

// Refuser is a driver that knows at once of some specs that they cannot run here.
type Refuser interface {
	// Refuse is an Invalid error for such a spec. It does not block; Check refuses
	// the same ones.
	Refuse(spec rouse.Spec) error
}

// Sandbox is given one revision, once.
type Sandbox interface {
	ID() rouse.SandboxID
	// Assign places rev's code, starts its process and returns how to reach it.
	// It does not wait until the code is ready.
	Assign(ctx context.Context, rev rouse.Revision) (rouse.Endpoint, error)
	// Wait blocks until the sandbox is gone, whoever ended it.
	Wait(ctx context.Context) error
	// Stop asks the process to end (SIGTERM), ends it after ctx's deadline or
	// grace at the latest, and removes every trace of the sandbox. It is idempotent
	// and returns when nothing is left.
	Stop(ctx context.Context) error
}

// Adopter is a listed sandbox that may be taken over with its process running.
type Adopter interface {
	// Adopt waits for the agent to reconnect and returns what it runs. An error
	// means that the sandbox can only be stopped.
	Adopt(ctx context.Context) (rouse.RevisionID, rouse.Endpoint, error)
}

// Class is all about a sandbox that cannot change after it was made. Two equal
// classes can stand in for one another; it is comparable.
type Class struct {
	Network rouse.Network
	Caps    rouse.Caps
	// The rest binds a plain container to its revision's needs.
	Image  string // image id, or the runtime's base image
	Source string // where an image can be had again that is not on this host any more; may be ""
	Code   string // digest of the code that is mounted
	Layers string // digests of what is merged at /opt, with commas between
	Memory rouse.Bytes
	Tmp    rouse.Bytes
	CPU    float64
	// Writable has the root writable, with as much space as /tmp.
	Writable bool
	// Zygote is the interpreter that the code is best started from. A class with
	// one and without code is a zygote's own.
	Zygote Zygote
}

// Plain is the class of a sandbox that is made for one revision on demand.
func Plain(rev rouse.Revision) Class {
	image := rev.Spec.Artifact.ImageID
	if image == "" {
		image = rev.Spec.Artifact.Image
	}
	if image == "" {
		image = "runtime:" + rev.Spec.Runtime
	}
	return Class{
		Network: rev.Spec.Network,
		Caps:    rev.Spec.Caps,
		Image:   image,
		Source:  rev.Spec.Artifact.Source,
		Code:    rev.Spec.Artifact.Code,
		Layers:  strings.Join(rev.Spec.Layers, ","),
		Memory:  rev.Spec.Memory,
		Tmp:     rev.Spec.Tmp,
		CPU:     rev.Spec.CPU,

		Writable: rev.Spec.Writable,
		Zygote:   ZygoteOf(rev.Spec),
	}
}

// LambdaFiles is how many files a function of contract lambda may have open, as
// on AWS.
const LambdaFiles = 1024

// Opt is the folder of a class's layers; "" when it has none.
func (c Class) Opt(a Artifacts) (dir string, err error) {
	if c.Layers == "" {
		return "", nil
	}
	return a.Merged(strings.Split(c.Layers, ","))
}
