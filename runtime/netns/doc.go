// Package netns opens sockets on the loopback of other network namespaces.
//
// A socket belongs for ever to the namespace in which it was made, and making it
// is all that has to happen there. That is done by an OS thread that enters the
// namespace, makes the socket and ends, since a thread that had failed to come
// back would make sockets in the wrong place from then on. Binding, listening
// and connecting happen on the caller's own thread.
//
// A namespace is named by an open descriptor, which cannot come to mean another
// one, as a pid can. Entering takes CAP_SYS_ADMIN over it. Nothing but the
// network namespace is entered: whoever lives there sees no process and no file
// of ours meanwhile.
package netns
