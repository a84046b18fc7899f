// Package sqsapi is Amazon SQS's API on Rouse's durable queues, for unmodified
// clients: the JSON protocol, which the AWS SDKs and the AWS CLI speak today.
//
// Each operation is a file, and operations.go is the table of them. What is sent
// is on disk before it is answered. Errors have SQS's codes and, in
// x-amzn-query-error, those of the older protocol, which clients still look for.
// A queue is found by the last part of its URL: host and account are ignored, so
// that the same URL serves from inside of a sandbox and from outside.
//
// Attributes are kept in two places: what the queue's engine enforces stands in
// rouse.QueueDefinition, and what only this API enforces in its Extra. An
// attribute that nothing here could enforce is refused, but for policies, which
// are for clients to read back.
package sqsapi
