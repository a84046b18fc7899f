// Package wire is what a host and the agents in its sandboxes say to each other.
//
// An agent connects to a SOCK_SEQPACKET unix socket of its own instance. Each
// packet is one Message in JSON, at most MaxSize bytes long, with at most
// MaxFiles descriptors beside it. Every message carries the protocol's Version;
// another one is refused.
//
//	agent                                       host
//	hello {id, token, run, exit, held}   ─────▶  checks id, token and peer
//	                                     ◀─────  welcome {token}
//	                                     ◀─────  listen {port}                   ask
//	reply {seq, port} + listener         ─────▶
//	                                     ◀─────  free                            ask
//	reply {seq, port}                    ─────▶
//	                                     ◀─────  place + door                    tell
//	                                     ◀─────  zygote {start}                  ask
//	reply {seq}                          ─────▶  when it can be forked
//	                                     ◀─────  start {start} + pipes' ends     tell, or ask to fork
//	                                     ◀─────  dial {port}                     ask
//	reply {seq} + connection             ─────▶
//	exit {exit}                          ─────▶
//	                                     ◀─────  proceed | end {signal} | await  ask
//	                                     ◀─────  kill | restart {run}            ask
//	reply {seq}                          ─────▶  when nothing of the old run is left
//	                                     ◀─────  freeze | thaw                   ask
//	                                     ◀─────  signal {signal}                 tell
//	                                     ◀─────  hold {name} + descriptor        tell
//	                                     ◀─────  drop {name}                     tell
//	                                     ◀─────  take {name}                     ask
//	reply {seq} + descriptor             ─────▶
//	                                     ◀─────  stop                            tell
//
// An agent on another kernel says the same over TCP, where package relay has
// streams take the place of descriptors.
//
// The host numbers what it asks; the reply repeats the number and, when the
// request failed, says why. Replies come in any order. What the host tells has
// no reply. The agent speaks unasked only to say hello and to report an exit.
//
// State. A connection begins with hello and welcome; before them nothing else is
// heard. The token of the first hello comes from the agent's environment; the
// welcome replaces it by one for reconnecting. A sandbox runs one command:
// start gives it and begins run 1, restart begins the run that it names. Runs
// are numbered by the host, and exit and hello name the run that they speak of.
// The agent keeps the listener, the pipes' ends and what hold gives it while no
// host is there, so that the next one can take them.
//
// Place comes before start, if it comes. Its descriptor is the door of a control
// group: every run writes "0" to it, by which it enters, before it becomes the
// program.
//
// A zygote is an interpreter that runs no command yet. It is no run: kill ends
// it, and start replaces it by its fork or by a process of its own. A fork that
// does not come about is a reply with the reason, and the command was started as
// any other.
//
// A command may have extensions: programs that begin with each run, before its
// main process, which waits for proceed. They print to a pipe of their own. The
// end of one is the end of the run; end, and the main process's own end, leave
// them running until the host has told them and waited (await), by restart, kill
// or stop.
//
// Stop, like the end of the agent for any other reason, ends every process of
// the function.
package wire
