// Package agent is the first process of a sandbox. It starts the function's
// process, stops, continues and ends it, opens sockets where the function
// lives and hands them to the host, and holds what a restarted host needs to go
// on. What it hears and says is package wire's.
//
// One goroutine owns all state; others bring it work. The function's process is
// begun by the agent's own binary in a second role, the launcher, which gives
// up every right before it becomes the program. In a container the first of
// them is begun before there is a command, and waits for it.
//
// The package is in every sandbox, so it imports little: neither net nor os/exec.
package agent
