// Package lane serves small requests that follow one another on a kept
// connection, with one goroutine for each connection.
//
// net/http has a second goroutine for each request, which reads ahead in order to
// notice a client that leaves. For a call that a warm function answers at once
// its start and its end are most of what the server costs. Here nobody looks
// until somebody waits for the request's context, which no warm call does.
//
// Connections come from net/http and go back to it. A request that is the lane's
// takes its connection along; the first one behind it that is not gives the
// connection back. So the lane understands plain requests only, all that is odd
// is net/http's to answer, and on the wire nobody can tell one from the other.
package lane
