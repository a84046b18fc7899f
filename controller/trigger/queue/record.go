package queue

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/rousehq/rouse"
)

// record is a message as functions get it.
type record struct {
	MessageID         string                 `json:"messageId"`
	ReceiptHandle     string                 `json:"receiptHandle"`
	Body              string                 `json:"body"`
	Attributes        map[string]string      `json:"attributes"`
	MessageAttributes map[string]recordValue `json:"messageAttributes"`
	MD5OfAttributes   string                 `json:"md5OfMessageAttributes,omitempty"`
	MD5OfBody         string                 `json:"md5OfBody"`
	EventSource       string                 `json:"eventSource"`
	EventSourceARN    string                 `json:"eventSourceARN"`
	AWSRegion         string                 `json:"awsRegion"`
}

type recordValue struct {
	StringValue      *string  `json:"stringValue,omitempty"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues []string `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

// encode is a message as a record's JSON.
func encode(m Message, d Description) (json.RawMessage, error) {
	sum := md5.Sum([]byte(m.Body))
	r := record{
		MessageID: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, Attributes: m.System, MessageAttributes: map[string]recordValue{},
		MD5OfAttributes: rouse.AttributesMD5(m.Attributes), MD5OfBody: hex.EncodeToString(sum[:]),
		EventSource: "aws:sqs", EventSourceARN: d.ARN, AWSRegion: d.Region,
	}
	for name, v := range m.Attributes {
		one := recordValue{BinaryValue: v.Binary, StringListValues: []string{}, BinaryListValues: []string{}, DataType: v.Type}
		if !strings.HasPrefix(v.Type, "Binary") {
			one.StringValue = &v.Text
		}
		r.MessageAttributes[name] = one
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r)
	return bytes.TrimSpace(b.Bytes()), err
}

const (
	eventHead = `{"Records":[`
	eventTail = `]}`
)

// piece is a part of a batch that fits into one event.
type piece struct {
	messages []Message
	event    []byte
}

// pieces makes events of a batch: one, or as many as their size demands.
func pieces(batch []Message, d Description, most int) ([]piece, error) {
	var list []piece
	for _, m := range batch {
		r, err := encode(m, d)
		if err != nil {
			return nil, err
		}
		n := len(list) - 1
		if n < 0 || len(list[n].event)+1+len(r)+len(eventTail) > most {
			list = append(list, piece{messages: []Message{m}, event: append([]byte(eventHead), r...)})
			continue
		}
		list[n].messages = append(list[n].messages, m)
		list[n].event = append(append(list[n].event, ','), r...)
	}
	for i := range list {
		list[i].event = append(list[i].event, eventTail...)
	}
	return list, nil
}
