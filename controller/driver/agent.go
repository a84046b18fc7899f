package driver

import (
	"context"
	"os"

	"github.com/rousehq/rouse"
)

// Agents is what drivers need of the host's side of rouse-agent.
type Agents interface {
	// Expect makes the control socket and the record of a new sandbox. Nothing blocks.
	Expect(id rouse.SandboxID) (Link, error)
	// Left lists the sandboxes that have a record from an earlier host process.
	// Their sockets listen again when it returns.
	Left() ([]Link, error)
}

// Link is the host's end of one sandbox's agent.
type Link interface {
	ID() rouse.SandboxID
	// Dir is the host's folder that holds the agent's end, a socket named
	// "agent.sock", to be mounted read-only or named in the agent's environment;
	// "" for an agent that comes over TCP.
	Dir() string
	// Env is what the agent's own environment must hold, given the path of Dir
	// as the agent sees it.
	Env(dir string) []string
	// Note adds a word about the sandbox to its record, which lies outside of
	// it: a container's id, a pid. Notes finds it again after a restart.
	Note(key, value string) error
	Notes() map[string]string
	// Connected blocks until the agent has connected and proved itself.
	Connected(ctx context.Context) error
	// Place gives the agent the door of a control group, which every run enters by
	// writing "0" to it. It comes before Launch, if at all. door stays the caller's.
	Place(door *os.File) error
	// Prepare has the agent start an interpreter that Launch can fork, and blocks
	// until its modules are loaded. A module that will not do is an Invalid error
	// that names it. It is called once, before Launch.
	Prepare(ctx context.Context, l rouse.Launch) error
	// Clear ends what Prepare started. It is idempotent.
	Clear(ctx context.Context) error
	// Launch records the revision, starts the process and returns how to reach
	// it. It is called once.
	Launch(ctx context.Context, l rouse.Launch) (rouse.Endpoint, error)
	// Resume is Launch's counterpart after a restart of the host: it blocks until
	// the agent has reconnected and returns what it runs. An agent that was
	// never given a revision is an error.
	Resume(ctx context.Context, inspect rouse.Inspect) (rouse.RevisionID, rouse.Endpoint, error)
	// Enter has the host open the sandbox's sockets itself, in the network
	// namespace that ns names; nil is the host's own. The link owns ns. It is
	// called at most once, and before Launch or Resume.
	Enter(ns *os.File)
	// Lost is closed when the agent's connection has ended.
	Lost() <-chan struct{}
	// Terminate asks the function's process to end with SIGTERM, kills it and
	// its descendants when ctx ends, and has the agent exit.
	Terminate(ctx context.Context) error
	// Close frees the host's side and removes the socket and the record. It is idempotent.
	Close() error
}

// Planner says which process runs a revision.
type Planner interface {
	// Plan returns the command for rev in a sandbox laid out as l, with the
	// environment that its contract promises. Argv is empty when the image's own
	// entry point is to be used.
	Plan(rev rouse.Revision, l rouse.Layout) (rouse.Command, error)
	// Zygote returns the command of an interpreter with modules loaded, of which
	// a fork becomes any process that Plan returns for code of that runtime and
	// contract. Errors are Invalid.
	Zygote(runtime string, contract rouse.Contract, modules []string, l rouse.Layout) (rouse.Command, error)
	// Image is the base image of a runtime; an unknown runtime is an Invalid
	// error that lists the known ones.
	Image(runtime string) (ref string, err error)
	// Interpreter names the program that a runtime needs on a host that runs it
	// without an image: "python3.11", "node"; "" when it needs none.
	Interpreter(runtime string) (program string, err error)
	// Unpack writes the bootstraps below dir, which becomes Layout.Runtime of
	// sandboxes without an image. It is idempotent.
	Unpack(dir string) error
}

// Artifacts is where drivers find code on the host.
type Artifacts interface {
	// Path is the folder of unpacked code; ok is false when it is not here.
	Path(digest string) (dir string, ok bool)
	// Merged is the folder of several trees, the later over the earlier; "" for
	// none. It blocks on the disk the first time. A tree that is not here is a
	// StartFailed error.
	Merged(digests []string) (dir string, err error)
}
