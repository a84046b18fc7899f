// Package lambda is the host's side of the lambda contract: it serves the AWS
// Lambda Runtime API to one instance's process and turns its polls into a
// rouse.EventTarget.
//
// The process asks for an event (next) and the poll is parked; Invoke writes the
// event straight to the parked connection; the process answers (response or
// error) and polls again. The API is HTTP/1.1 of our own, since every
// invocation passes it twice. A connection has one goroutine, which reads; the
// one thing that another goroutine writes is an event to a parked poll.
//
// Extensions are served on the same listener. The host knows the external ones'
// names beforehand and has the process begin when all have registered; its poll
// is held until each of them has asked for its next event.
//
// The states are AWS's (see phase). An answer is taken once; whatever comes in a
// wrong state or under a wrong id is refused and changes nothing.
package lambda
