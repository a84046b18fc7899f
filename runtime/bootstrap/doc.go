// Package bootstrap knows the runtimes: which process runs a revision of each,
// with which environment, and the small clients of the Lambda Runtime API, in
// python/ and node/, that find a handler and feed it events.
//
// # The environment of a function
//
// It is put together in this order, the later winning: defaults that a user may
// change, the revision's own variables, and what the contract says about the
// sandbox. A revision that sets one of the last is refused, as on AWS; unlike
// there, region and credentials are defaults, since no account stands behind
// them and functions often talk to another emulator.
//
// A function with an image keeps the image's PATH, library path and locale;
// only the contract's variables are added.
package bootstrap
