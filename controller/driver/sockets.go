package driver

// Sockets is a way in which sockets get across a sandbox's wall.
type Sockets string

// The ways, the preferred one first.
const (
	SocketsAuto  Sockets = "auto"  // the first of the others that works
	SocketsHost  Sockets = "host"  // the host opens them in the sandbox's network namespace
	SocketsAgent Sockets = "agent" // the agent opens them and passes their descriptors
	SocketsRelay Sockets = "relay" // the agent carries their bytes over TCP; no kernel is shared
)

// Relayer is Agents that can let agents come over TCP.
type Relayer interface {
	// Relay has the agents of sandboxes that are expected from now on connect to
	// reach, HOST:PORT as they see it, which leads to listen, an address of ours.
	// With port 0 it is the port that agents of an earlier process know, or any;
	// with reach "" it is listen. It is called at most once, before Left. The Dir of
	// such a sandbox's Link is "".
	Relay(listen, reach string) error
}

// Crosser is a driver that can tell how sockets get across.
type Crosser interface {
	// Sockets is the way that new sandboxes use, and in words why. It does not block.
	Sockets() (way Sockets, why string)
}
