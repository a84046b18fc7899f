package sqsapi

import (
	"encoding/json"
	"reflect"
	"testing"
)

// inputs are read plainly, not quite, or not at all.
var inputs = []string{
	`{"QueueUrl":"http://x/q","MessageBody":"hello"}`,
	`{ "MessageBody" : "", "QueueUrl" : "q" }`,
	`{"MessageBody":"a","MessageBody":"b"}`,
	`{"messagebody":"folded","QueueUrl":"q"}`,
	`{"QueueUrl":"q","MessageBody":"esc\naped \u00e9"}`,
	`{"QueueUrl":"q","MessageBody":"é ☃ 𝄞"}`,
	"{\"QueueUrl\":\"q\",\"MessageBody\":\"\xff\xfe\"}",
	"{\"QueueUrl\":\"q\",\"MessageBody\":\"a\tb\"}",
	`{"QueueUrl":"q","MessageBody":"b","DelaySeconds":3,"MessageAttributes":{"a":{"DataType":"String","StringValue":"v"}}}`,
	`{"QueueUrl":"q","MessageBody":7}`,
	`{"QueueUrl":null,"MessageBody":"b"}`,
	`{"QueueUrl":"q","MessageBody":"b","Else":{"a":[1]}}`,
	`{"QueueUrl":"q","ReceiptHandle":"r"}`,
	`{"QueueUrl":"q","MaxNumberOfMessages":10,"WaitTimeSeconds":20,"VisibilityTimeout":0}`,
	`{"QueueUrl":"q","MaxNumberOfMessages":-0,"WaitTimeSeconds":-5}`,
	`{"QueueUrl":"q","MaxNumberOfMessages":1e1}`,
	`{"QueueUrl":"q","MaxNumberOfMessages":99999999999999999999}`,
	`{"QueueUrl":"q","MaxNumberOfMessages":"3","WaitTimeSeconds":null}`,
	`{"QueueUrl":"q","AttributeNames":["All"]}`,
	`{"Queue\u0055rl":"q"}`,
	`{}`, ` {} `, `[]`, `null`, `"x"`, `7`, ``, `{`, `{"QueueUrl"}`, `{"QueueUrl":"q",}`, `{"QueueUrl":"q"} x`,
}

func FuzzInputIsReadAsEncodingJSONReadsIt(f *testing.F) {
	for _, in := range inputs {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		alike[sendMessageInput](t, body)
		alike[receiveMessageInput](t, body)
		alike[deleteMessageInput](t, body)
	})
}

func alike[In any](t *testing.T, body []byte) {
	t.Helper()
	var got, want In
	gotErr, wantErr := decode(body, &got), json.Unmarshal(body, &want)
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() || !reflect.DeepEqual(got, want) {
		t.Errorf("%q: %+v, %v, want %+v, %v", body, got, gotErr, want, wantErr)
	}
}
