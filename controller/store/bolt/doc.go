// Package bolt keeps the store in one bbolt file, and a space of events in
// another one, whose rate of writes and whose growth are not the store's.
//
// The tree of buckets, with → before values:
//
//	rouse.db
//	├── meta
//	│   ├── format    → "rouse"
//	│   └── schema    → "2", decimal; 1 had no layers
//	├── functions
//	│   └── NAME      → JSON of rouse.Function, its generation inside
//	├── revisions
//	│   └── ID        → JSON of rouse.Revision; written once
//	├── layers
//	│   └── NAME      → JSON of rouse.Layer, its generation inside
//	└── settings
//	    └── KEY       → text
//
//	events.db
//	├── meta
//	│   ├── format    → "rouse events"
//	│   └── schema    → "1", decimal
//	└── space
//	    └── KEY       → value; what they mean is drawn in controller/async/queue
//
// A file with another format or schema is refused before anything is written
// to it. A file that is empty, or has no bucket, is a new one: that is what a
// crash at the first start leaves. Whoever adds a bucket or changes a value
// raises the schema's number and converts the one before in Open's transaction.
//
// Writers that arrive while another one waits for the disk share the next
// transaction (group.go). A space that has become mostly empty is copied into a
// new file while it serves (compact.go). Everything read is decoded before its transaction
// ends, and no transaction is open while a caller's code runs: one would keep
// writers from growing the file.
package bolt
