// Package link is the host's end of the agents in sandboxes.
//
// A Host owns a directory with one folder for each sandbox:
//
//	ID/record.json   who the agent must prove to be and what it was given; 0600
//	ID/state         one mapped word: the kept connection that waits for an event
//	ID/s/agent.sock  where the agent connects; only s is seen by the sandbox
//
// An agent on another kernel comes over TCP instead, to a listener that all
// sandboxes of the Host share.
//
// The record is written before the agent is told to start anything. After a
// crash of the host it is the record that is believed, and of the agent only that
// it is the one that the record speaks of. The state is shared memory, so that
// whether an instance was idle survives a crash without a system call for each
// request.
//
// A Link accepts one agent, once: when the agent has proved itself the socket
// disappears, and when its connection ends the link is lost for good.
package link
