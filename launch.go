package rouse

// Launch is a process for a sandbox's agent to start.
type Launch struct {
	Revision RevisionID
	Contract Contract
	Command  Command
	// RuntimeAPI is where the sandbox's own listener opens (lambda contract).
	// The port that a ":0" became replaces AddrVar in the command.
	RuntimeAPI string
	// Platform is where the sandbox's own listener of Rouse's API opens; "" has
	// none. The port that a ":0" became replaces PlatformVar in the command.
	Platform string
	// PlatformToken is what its callers have to show where others can reach it too.
	PlatformToken string
	// Port is where the code listens, on 127.0.0.1 (http contract). 0 has the
	// agent find a free one, which replaces PortVar in the command.
	Port int
	// Fork begins the process as a fork of the interpreter that was prepared, and
	// as any other when that fails.
	Fork bool
	// Enter has the process live in the root that was mounted over the agent's.
	Enter    bool
	UID, GID int
	Groups   []int
	// KeepCaps leaves a process of uid 0 the capabilities of its agent.
	KeepCaps bool
	Limits   []Limit
	// Extensions are programs to run beside the process, which begins when they
	// are ready for it: see ExtendedProcess.
	Extensions []string
	// StopSignal asks the process to end; 0 is SIGTERM.
	StopSignal int
	// Inspect completes every exit. It may be nil.
	Inspect Inspect
}

// Limit is one resource limit of a process, as setrlimit takes it.
type Limit struct {
	Resource int    `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

// Inspect completes an exit with what only the host can know: out of memory
// and peak memory, from the sandbox's cgroup.
type Inspect func(Exit) Exit

// AddrVar stands for the Runtime API's address, PortVar for the port, and
// PlatformVar for the address of Rouse's own API, in a Launch's Argv and Env; they
// are replaced before the process starts.
const (
	AddrVar     = "${ROUSE_RUNTIME_API}"
	PortVar     = "${ROUSE_PORT}"
	PlatformVar = "${ROUSE_PLATFORM}"
)

// Layout is where things are in a sandbox.
type Layout struct {
	Task        string // the code: /var/task
	Opt         string // the layers: /opt; "" when there are none outside of it
	Bootstrap   string // the program of runtime provided, if it is not the code's own
	Runtime     string // the bootstraps: /var/runtime
	Tmp         string
	Interpreter string // the interpreter's path on a host; "" in images, which have it in PATH
	Instance    string // tells this sandbox's log stream from others'
	RuntimeAPI  string // AddrVar or a fixed address
	Port        string // PortVar or a fixed port
	Platform    string // address of Rouse's own API, PlatformVar or a fixed one; "" when there is none
	// PlatformToken is what callers of it have to show; "" for nothing.
	PlatformToken string
}
