package rouse

import (
	"context"
	"io"
	"net"
	"time"
)

// Endpoint is how the host reaches the code in a sandbox.
type Endpoint struct {
	// Dial connects to the code's own port (http contract). It fails at once
	// while nothing listens there.
	Dial func(ctx context.Context) (net.Conn, error)
	// RuntimeAPI accepts the connections that the code makes to the Runtime API
	// (lambda contract). It stays open over restarts of the process.
	RuntimeAPI net.Listener
	// Platform accepts the connections that the code makes to Rouse's own API; nil
	// when it has none. Callers have to show PlatformToken, unless it is "", since
	// then nobody else can reach the listener.
	Platform      net.Listener
	PlatformToken string
	// Stdout and Stderr carry what the code prints, over restarts too. Whoever
	// gets the Endpoint reads them until EOF, or the code blocks.
	Stdout, Stderr io.ReadCloser
	// ExtensionOutput is the same for all that extensions print; nil where there
	// are none.
	ExtensionOutput io.ReadCloser
	// Process is the code's process.
	Process Process
	// Extensions are the names of the external extensions beside the process,
	// which is then an ExtendedProcess.
	Extensions []string
	// Local connects to any port of the sandbox's loopback.
	Local func(ctx context.Context, port int) (net.Conn, error)
	// Started is when the process was, zero for an adopted one.
	Started time.Time
	// Memory is the most memory that the present run has had so far, as the host
	// measures it; 0 when it cannot. It reads a file and does not wait. Nil is
	// never measured.
	Memory func() Bytes
	// Forked says that it began as a fork of a prepared interpreter.
	Forked bool
	// Keeper lets warm connections outlive this host process. Nil where nothing can be kept.
	Keeper Keeper
	// Kept is what an earlier host process left with the agent, when the
	// sandbox was adopted. Nil for a sandbox of our own.
	Kept *Kept
}

// Close gives up an endpoint that nobody has taken into use. It does not end
// the process.
func (e Endpoint) Close() {
	if e.RuntimeAPI != nil {
		e.RuntimeAPI.Close()
	}
	if e.Platform != nil {
		e.Platform.Close()
	}
	for _, stream := range []io.Closer{e.Stdout, e.Stderr, e.ExtensionOutput} {
		if stream != nil {
			stream.Close()
		}
	}
	if e.Kept != nil {
		for _, conn := range e.Kept.Conns {
			conn.Close()
		}
	}
}

// Process is a function's process with its descendants. It may end and be
// started again while the sandbox and its /tmp live on.
type Process interface {
	// Wait blocks until the present run has ended and says how; a run that
	// ended before is reported at once. It returns ErrGone when the sandbox ended
	// without a word about the process.
	Wait(ctx context.Context) (Exit, error)
	// Kill ends the process and every descendant with SIGKILL and returns when
	// they are gone. It is idempotent.
	Kill(ctx context.Context) error
	// Restart is Kill, then a new run of the same command. After it, Wait
	// speaks of the new run.
	Restart(ctx context.Context) error
	// Freeze stops every process of the function until Thaw. Both are idempotent.
	Freeze(ctx context.Context) error
	Thaw(ctx context.Context) error
}

// ExtendedProcess is a process beside which extensions run. They begin with
// each run; the process itself waits for Proceed. The end of an extension is
// the end of the run, while that of the process leaves them until Restart or Kill.
type ExtendedProcess interface {
	Process
	// Proceed begins the process itself. It is idempotent within a run.
	Proceed(ctx context.Context) error
	// End asks the process alone to end, or makes it, and blocks until it has or
	// ctx is done.
	End(ctx context.Context, kill bool) error
	// Alone blocks until no extension runs any more, or ctx is done.
	Alone(ctx context.Context) error
}

// Exit is how a process ended.
type Exit struct {
	Code       int    `json:"code"`             // exit status; -1 when a signal ended it
	Signal     string `json:"signal,omitempty"` // "killed", "segmentation fault", …
	OOM        bool   `json:"oom,omitempty"`    // the kernel killed it for its memory limit, read by the host
	PeakMemory Bytes  `json:"peak_memory,omitempty"`
	// Extension is set when it was the end of this extension, and so of the run.
	Extension string `json:"extension,omitempty"`
	// Error says why the process could not be started at all.
	Error string `json:"error,omitempty"`
}

// Keeper gives the sandbox's agent duplicates of connections, so that they
// survive the host process and a restarted one can go on with them.
type Keeper interface {
	// Keep hands over a duplicate of conn under a number that no other kept
	// connection has. The caller goes on owning conn.
	Keep(conn net.Conn) (slot int, err error)
	// Drop forgets a slot.
	Drop(slot int)
	// Idle records that the process waits for its next event on slot; Busy that
	// it has work. Neither makes a system call: the record is memory that
	// outlives the process. Idle comes before the process can be given work,
	// Busy before it is.
	Idle(slot int)
	Busy()
}

// Kept is what a sandbox's agent held for a host process that died.
type Kept struct {
	Conns map[int]net.Conn // by slot
	// Waiting is the slot whose connection has an unanswered poll for the next
	// event, or -1: the process was at work and has to be restarted.
	Waiting int
}

// Command is a process to start.
type Command struct {
	Argv []string `json:"argv"`
	Env  []string `json:"env,omitempty"` // KEY=VALUE
	Dir  string   `json:"dir,omitempty"`
}

// Phase is one step of a start.
type Phase string

// The phases of a start, in order. First byte is the gateway's to measure.
const (
	PhaseQueue   Phase = "queue"   // waiting for permission to start, or for an instance
	PhaseSandbox Phase = "sandbox" // making the sandbox, or taking one that was made ahead
	PhaseMount   Phase = "mount"   // laying the code's files over a cell's
	PhaseStart   Phase = "start"   // placing the code and starting the process
	PhaseInit    Phase = "init"    // the code getting ready
	PhaseThaw    Phase = "thaw"    // continuing a frozen instance, which is no start
)

// Timing is how long one phase took.
type Timing struct {
	Phase Phase
	Took  time.Duration
}
