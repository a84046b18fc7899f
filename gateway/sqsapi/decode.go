package sqsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/rousehq/rouse/gateway/internal/rawjson"
)

// plain is the input of an operation that nearly every request is. set takes one
// of its members from JSON, unless that is none of the simple ones.
type plain interface {
	set(name string, raw []byte) bool
}

var errNotPlain = errors.New("not plain")

// decode is json.Unmarshal, which goes over every byte twice, through a state
// machine's function. Plain input is read faster; what is not as plain as usual is
// read as ever.
func decode[In any](body []byte, in *In) error {
	if p, ok := any(in).(plain); ok && rawjson.Valid(body) && rawjson.IsObject(body) {
		err := rawjson.Members(body, func(name string, raw []byte) error {
			if !p.set(name, raw) {
				return errNotPlain
			}
			return nil
		})
		if err == nil {
			return nil
		}
		*in = *new(In)
	}
	return json.Unmarshal(body, in)
}

// plainText takes a string in which every byte means itself.
func plainText(to *string, raw []byte) bool {
	if raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 || !utf8.Valid(raw) {
		return false
	}
	*to = string(raw[1 : len(raw)-1])
	return true
}

func plainNumber(to **int, raw []byte) bool {
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		return false
	}
	*to = &n
	return true
}

func (in *sendMessageInput) set(name string, raw []byte) bool {
	switch name {
	case "QueueUrl":
		return plainText(&in.QueueURL, raw)
	case "MessageBody":
		return plainText(&in.MessageBody, raw)
	}
	return false
}

func (in *receiveMessageInput) set(name string, raw []byte) bool {
	switch name {
	case "QueueUrl":
		return plainText(&in.QueueURL, raw)
	case "MaxNumberOfMessages":
		return plainNumber(&in.MaxNumberOfMessages, raw)
	case "VisibilityTimeout":
		return plainNumber(&in.VisibilityTimeout, raw)
	case "WaitTimeSeconds":
		return plainNumber(&in.WaitTimeSeconds, raw)
	}
	return false
}

func (in *deleteMessageInput) set(name string, raw []byte) bool {
	switch name {
	case "QueueUrl":
		return plainText(&in.QueueURL, raw)
	case "ReceiptHandle":
		return plainText(&in.ReceiptHandle, raw)
	}
	return false
}
