package sqsapi

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// apiError is an error as SQS's clients get it.
type apiError struct {
	status  int
	code    string // of the JSON protocol
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// queryCodes are the codes of the older protocol, where they differ.
var queryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"InvalidParameterValue":        "InvalidParameterValue",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"PurgeQueueInProgress":         "AWS.SimpleQueueService.PurgeQueueInProgress",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":              "QueueAlreadyExists",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
}

func (e *apiError) queryCode() string {
	if code, ok := queryCodes[e.code]; ok {
		return code
	}
	return e.code
}

func (e *apiError) fault() string {
	if e.status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

func (e *apiError) write(w http.ResponseWriter) {
	b, err := json.Marshal(map[string]string{"__type": "com.amazonaws.sqs#" + e.code, "message": e.message})
	if err != nil {
		panic("sqsapi: an error that cannot be encoded: " + err.Error())
	}
	h := w.Header()
	h["X-Amzn-Query-Error"] = []string{e.queryCode() + ";" + e.fault()}
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(e.status)
	w.Write(b) // a client that left cannot be told anything
}

// writeXML answers a client that cannot read anything else.
func (e *apiError) writeXML(w http.ResponseWriter, id string) {
	type detail struct {
		Type, Code, Message string
	}
	b, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"http://queue.amazonaws.com/doc/2012-11-05/ ErrorResponse"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{Error: detail{e.fault(), e.queryCode(), e.message}, RequestID: id})
	if err != nil {
		panic("sqsapi: an error that cannot be encoded: " + err.Error())
	}
	w.Header()["Content-Type"] = []string{"text/xml"}
	w.WriteHeader(e.status)
	w.Write(b) // a client that left cannot be told anything
}

func fail(code, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *apiError {
	return fail("InvalidParameterValue", format, args...)
}

func badAttribute(name, why string) *apiError {
	if why != "" {
		why = " Reason: " + why
	}
	return fail("InvalidAttributeValue", "Invalid value for the parameter %s.%s", name, why)
}

func missing(parameter string) *apiError {
	return fail("MissingParameter", "The request must contain the parameter %s.", parameter)
}

func noQueue() *apiError {
	return fail("QueueDoesNotExist", "The specified queue does not exist.")
}

// translate gives an error of the platform SQS's form.
func translate(err error) *apiError {
	var own *apiError
	if errors.As(err, &own) {
		return own
	}
	var e *rouse.Error
	if !errors.As(err, &e) {
		return internal()
	}
	switch e.Code {
	case rouse.NotFound:
		return noQueue()
	case rouse.Invalid, rouse.TooLarge, rouse.Conflict:
		return invalid("%s", e.Message)
	case rouse.Throttled:
		return fail("RequestThrottled", "%s", e.Message)
	case rouse.Unavailable:
		return &apiError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: e.Message}
	}
	return internal()
}

func internal() *apiError {
	return &apiError{
		status: http.StatusInternalServerError, code: "InternalFailure",
		message: gateway.InternalMessage,
	}
}

// clip keeps hostile input from filling a message; AWS repeats what it was given.
func clip(s string) string { return rouse.ClipTo(s, 200) }
