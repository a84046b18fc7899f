// Package queue keeps durable queues of messages in a store.Space: standard
// ones, and FIFO ones that keep the order within a group. A message that was
// sent is on disk; one that is received is leased to its receiver until it is
// removed or the lease ends, when it can be received again. So it is received
// at least once, and nothing of it is lost by a crash at any point.
//
// The tree of keys, integers big-endian, with → before values. seq is unique in
// the space and grows with time (id.go); q is a queue's number.
//
//	c                  → a time that the clock had not reached, int64 ns: a restarted one begins there
//	n                  → the next queue's number, uint32
//	Q name             → JSON of the queue's definition
//	m seq              → the message as it was sent (record.go); written once
//	s seq              → how often it was received, where it is now; missing until it is received or postponed
//	r q seq            → ready to be received: a message (standard), or a group's first one (FIFO), whose value is the group
//	d q time seq       → 'w' waits until then; 'l' leased until then
//	g q group 0 seq    → FIFO: messages of a group that are neither leased nor waiting
//	k q group          → FIFO: how many of a group are leased, uint32; while there is one the group has no r
//	u q id             → FIFO: a deduplication id's message, and until when it counts
//	x time q id        → when a deduplication id's u can go
//	v handle           → JSON of a task that moves messages (moves.go)
//
// Upper-case tables but Q are the caller's: package async keeps its jobs there,
// in the same transactions.
//
// What stands in no table is counted: how many are ready, waiting and leased is
// kept in memory, and counted anew when the space is opened.
package queue
