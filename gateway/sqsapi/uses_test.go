package sqsapi

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// changing are the operations that functions may not have.
var changing = []string{
	"AddPermission", "CreateQueue", "DeleteQueue", "PurgeQueue", "RemovePermission", "SetQueueAttributes", "TagQueue", "UntagQueue",
}

func TestEveryOperationEitherUsesQueuesOrChangesThem(t *testing.T) {
	for name := range operations {
		if uses, changes := slices.Contains(using, name), slices.Contains(changing, name); uses == changes {
			t.Errorf("%s: uses %v, changes %v", name, uses, changes)
		}
	}
	if len(using)+len(changing) != len(operations) {
		t.Errorf("%d use, %d change, there are %d", len(using), len(changing), len(operations))
	}
}

func TestOnlyAWholeTargetNamesAnOperation(t *testing.T) {
	for _, c := range []struct {
		targets []string
		want    string
	}{
		{[]string{"AmazonSQS.SendMessage"}, "SendMessage"},
		{[]string{"AmazonSQS.PurgeQueue"}, "PurgeQueue"},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"SendMessage"}, ""},
		{[]string{"amazonsqs.SendMessage"}, ""},
		{[]string{"AmazonSQS.AmazonSQS.SendMessage"}, ""},
		{[]string{"AmazonSQS.Nothing"}, ""},
		{[]string{"AmazonSQS.SendMessage", "AmazonSQS.PurgeQueue"}, ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["X-Amz-Target"] = c.targets
		if got := Operation(r); got != c.want {
			t.Errorf("%q: %q, want %q", c.targets, got, c.want)
		}
	}
}
