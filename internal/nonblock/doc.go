// Package nonblock reads and writes descriptors that never block, without the
// care that Go takes for calls that may.
//
// Before each system call Go prepares for the processor to be taken away from a
// thread that blocks, and has a watching thread wake up for that, if it sleeps.
// In a process that has just been woken by a request it does, so every request
// wakes a second thread: on a machine with few processors that takes longer than
// the call. A read or write of a socket that does not block needs none of it.
package nonblock
