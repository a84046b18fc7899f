package sqsapi

// operations are all of SQS's.
var operations = map[string]operation{
	"AddPermission":                op((*api).addPermission),
	"CancelMessageMoveTask":        op((*api).cancelMove),
	"ChangeMessageVisibility":      op((*api).changeVisibility),
	"ChangeMessageVisibilityBatch": op((*api).changeVisibilityBatch),
	"CreateQueue":                  op((*api).createQueue),
	"DeleteMessage":                op((*api).deleteMessage),
	"DeleteMessageBatch":           op((*api).deleteMessageBatch),
	"DeleteQueue":                  op((*api).deleteQueue),
	"GetQueueAttributes":           op((*api).getQueueAttributes),
	"GetQueueUrl":                  op((*api).getQueueURL),
	"ListDeadLetterSourceQueues":   op((*api).listDeadLetterSources),
	"ListMessageMoveTasks":         op((*api).listMoves),
	"ListQueueTags":                op((*api).listQueueTags),
	"ListQueues":                   op((*api).listQueues),
	"PurgeQueue":                   op((*api).purgeQueue),
	"ReceiveMessage":               op((*api).receiveMessage),
	"RemovePermission":             op((*api).removePermission),
	"SendMessage":                  op((*api).sendMessage),
	"SendMessageBatch":             op((*api).sendMessageBatch),
	"SetQueueAttributes":           op((*api).setQueueAttributes),
	"StartMessageMoveTask":         op((*api).startMove),
	"TagQueue":                     op((*api).tagQueue),
	"UntagQueue":                   op((*api).untagQueue),
}
