// Package pool owns every instance of every revision and lends its capacity.
//
// There is one mutex per revision, over its instances, its waiters and its
// counts. What happens is decided by the pure methods of state, which return
// actions; the lock is dropped before they are carried out. Limits that
// revisions share (starts at once, instances, memory) are tokens of the ledger;
// a function's reserved concurrency is a token source of its own. design.md
// beside this file draws the states and the order of the locks.
package pool
