package sqsapi

import (
	"net/http"
	"slices"
	"strings"
)

// using are the operations that change nothing of a queue but its messages.
var using = []string{
	"CancelMessageMoveTask", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessageBatch",
	"GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "ListMessageMoveTasks", "ListQueueTags", "ListQueues",
	"ReceiveMessage", "SendMessage", "SendMessageBatch", "StartMessageMoveTask",
}

// Operation is the name of the operation that a request means, "" when it names
// none of SQS's.
func Operation(r *http.Request) string {
	target := r.Header["X-Amz-Target"]
	if len(target) != 1 {
		return ""
	}
	name, ok := strings.CutPrefix(target[0], targetPrefix)
	if _, known := operations[name]; !ok || !known {
		return ""
	}
	return name
}

// Uses says whether a request uses queues, and changes none of them.
func Uses(r *http.Request) bool { return slices.Contains(using, Operation(r)) }
