// Package cells keeps spare sandboxes, so that a start does not wait for one to
// be made.
//
// A cell is a sandbox without a revision. One is handed out at most once, and
// its owner destroys it after use; a spare that dies is replaced. How many there
// are of each class follows recent demand (package scale), within a number that
// the operator sets. Refilling never stands in a request's way: it waits while
// sandboxes are made for requests, while those start that have taken a cell and
// while used sandboxes end, unless either takes long, and makes one at a time;
// while functions are at work, it leaves them most of the time.
//
// While several revisions want spares of a kind, none gets more than half of
// them (share). Spares pay for their memory from a budget that the pool keeps, and
// go when it needs it. Those that an earlier process left are taken over.
//
// Driver is a driver in front of another one. What the other cannot make as a
// cell passes through it untouched.
package cells
