package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/rousehq/rouse"
)

// statuses is the one table that maps codes to HTTP.
var statuses = map[rouse.Code]int{
	rouse.NotFound:      http.StatusNotFound,
	rouse.Invalid:       http.StatusBadRequest,
	rouse.TooLarge:      http.StatusRequestEntityTooLarge,
	rouse.Throttled:     http.StatusTooManyRequests,
	rouse.StartFailed:   http.StatusBadGateway,
	rouse.FunctionError: http.StatusBadGateway,
	rouse.Unavailable:   http.StatusServiceUnavailable,
	rouse.Timeout:       http.StatusGatewayTimeout,
	rouse.Conflict:      http.StatusConflict,
	rouse.Unauthorized:  http.StatusUnauthorized,
	rouse.Denied:        http.StatusForbidden,
	rouse.Internal:      http.StatusInternalServerError,
}

// ErrClientGone is what a station returns when nobody is left to answer. It is
// not the platform's failure: nothing is written and nothing is logged as an error.
var ErrClientGone = errors.New("the client went away")

// InternalMessage is all that callers are told of an error without a code, in
// whatever protocol they speak.
const InternalMessage = "internal error; the server's log has the details under this request id"

// ErrorBody is the inner object of every error that Rouse answers.
type ErrorBody struct {
	Code    rouse.Code `json:"code"`
	Message string     `json:"message"`
	Detail  string     `json:"detail,omitempty"`
	// Type, Cause and Trace tell of an error that a handler raised.
	Type      string   `json:"errorType,omitempty"`
	Cause     string   `json:"errorMessage,omitempty"`
	Trace     []string `json:"stackTrace,omitempty"`
	RequestID string   `json:"request_id"`
}

// Status is the HTTP status of a code.
func Status(code rouse.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Describe is what callers may know of err. An error without a code is a bug:
// its text stays in the log.
func Describe(requestID string, err error) ErrorBody {
	body := ErrorBody{
		Code:      rouse.Internal,
		Message:   InternalMessage,
		RequestID: requestID,
	}
	var e *rouse.Error
	if !errors.As(err, &e) || e.Code == rouse.Internal {
		return body
	}
	body.Code, body.Message, body.Detail = e.Code, e.Message, e.Detail
	if e.Type != "" {
		body.Type, body.Cause, body.Trace = e.Type, e.Message, e.Trace
	}
	return body
}

// HandlerFailed is the error for what a handler raised.
func HandlerFailed(f *rouse.Failure) *rouse.Error {
	kind := f.Type
	if kind == "" {
		kind = "Error"
	}
	return &rouse.Error{Code: rouse.FunctionError, Message: f.Message, Type: kind, Trace: f.Trace}
}

// WriteError answers with err in Rouse's own shape. It writes nothing when w
// has sent a status before.
func WriteError(w http.ResponseWriter, requestID string, err error) {
	WriteErrorStatus(w, Status(rouse.CodeOf(err)), requestID, err)
}

// WriteErrorStatus is WriteError for the few answers whose status says more
// than their code does, such as 405.
func WriteErrorStatus(w http.ResponseWriter, status int, requestID string, err error) {
	if Sent(w) != 0 {
		return
	}
	h := w.Header()
	// Whatever described the answer that is not coming anymore.
	for _, name := range []string{"Content-Encoding", "Content-Range", "Etag", "Last-Modified", "Cache-Control", "Trailer"} {
		h.Del(name)
	}
	body := struct {
		Error ErrorBody `json:"error"`
	}{Describe(requestID, err)}
	b, encodeErr := json.Marshal(body)
	if encodeErr != nil {
		panic("gateway: an error that cannot be encoded: " + encodeErr.Error())
	}
	b = append(b, '\n')
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	if seconds := retryAfter(err); seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(status)
	w.Write(b) // a client that left cannot be told anything
}

// retryAfter is in whole seconds; codes that promise the header get at least one.
func retryAfter(err error) int {
	var e *rouse.Error
	if !errors.As(err, &e) {
		return 0
	}
	if e.Code == rouse.Throttled || e.Code == rouse.Unavailable || e.RetryAfter > 0 {
		return RetrySeconds(e)
	}
	return 0
}
