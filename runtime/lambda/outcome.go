package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rousehq/rouse"
)

// outcome is what an answer means.
func outcome(as phase, body []byte, errorType string, tr trailers) *rouse.Result {
	switch {
	case as == respondingErr:
		return failedWith(body, failure(body, errorType))
	case tr.errorType != "" || tr.errorBody != "":
		// A streamed answer that failed on its way says so behind its last byte.
		said, err := base64.StdEncoding.DecodeString(tr.errorBody)
		if err != nil {
			said = []byte(tr.errorBody)
		}
		return failedWith(said, failure(said, tr.errorType))
	}
	return &rouse.Result{Payload: body}
}

// failure reads a runtime's description of an error. What is not AWS's shape
// becomes the message.
func failure(body []byte, errorType string) *rouse.Failure {
	var said struct {
		Type    string            `json:"errorType"`
		Message string            `json:"errorMessage"`
		Trace   []json.RawMessage `json:"stackTrace"`
	}
	f := &rouse.Failure{Type: errorType}
	if err := json.Unmarshal(body, &said); err != nil {
		f.Message = clip(strings.ToValidUTF8(strings.TrimSpace(string(body)), "\ufffd"))
	} else {
		f.Message = said.Message
		if said.Type != "" {
			f.Type = said.Type
		}
	}
	if f.Type == "" {
		f.Type = "Function.Unknown"
	}
	for _, frame := range said.Trace {
		var line string
		if json.Unmarshal(frame, &line) != nil {
			line = string(frame) // Go describes frames as objects
		}
		f.Trace = append(f.Trace, line)
	}
	return f
}

// failedWith keeps the runtime's own words where they are JSON.
func failedWith(body []byte, f *rouse.Failure) *rouse.Result {
	if !json.Valid(body) {
		b, err := json.Marshal(f)
		if err != nil {
			panic("lambda: a failure that cannot be encoded: " + err.Error())
		}
		body = b
	}
	return &rouse.Result{Payload: body, Failure: f}
}

func failed(kind, message string) *rouse.Result {
	return failedWith(nil, &rouse.Failure{Type: kind, Message: message})
}

func tooLarge(most int) *rouse.Result {
	return failed("Function.ResponseSizeTooLarge",
		fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", most))
}

// clip bounds what is said in a process' words.
func clip(s string) string { return rouse.ClipTo(s, 4<<10) }
