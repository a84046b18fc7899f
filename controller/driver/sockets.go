package driver

// Sockets is a way in which sockets get across a sandbox's wall.
type Sockets string

// The ways, the preferred one first.
const (
	SocketsAuto  Sockets = "auto"  // the first of the others that works
	SocketsHost  Sockets = "host"  // the host opens them in the sandbox's network namespace
	SocketsAgent Sockets = "agent" // the agent opens them and passes their descriptors
)

// Crosser is a driver that can tell how sockets get across.
type Crosser interface {
	// Sockets is the way that new sandboxes use, and in words why. It does not block.
	Sockets() (way Sockets, why string)
}
