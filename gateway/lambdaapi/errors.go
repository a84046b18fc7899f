package lambdaapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// apiError is an error of AWS Lambda's API.
type apiError struct {
	status  int
	name    string // ResourceNotFoundException
	message string
	kind    string // "User", "Server", or "" where AWS says none
	reason  string // of a throttle
	capital bool   // AWS spells this error's key Message
	retry   int    // seconds, for Retry-After
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

func (e *apiError) write(w http.ResponseWriter) {
	if gateway.Sent(w) != 0 {
		return
	}
	body := map[string]string{}
	if e.capital {
		body["Message"] = e.message
	} else {
		body["message"] = e.message
	}
	if e.kind != "" {
		body["Type"] = e.kind
	}
	if e.reason != "" {
		body["Reason"] = e.reason
	}
	b, err := compact(body)
	if err != nil {
		panic("lambdaapi: an error that cannot be encoded: " + err.Error())
	}
	h := w.Header()
	delete(h, "X-Amz-Executed-Version") // nothing was
	h["X-Amzn-Errortype"] = []string{e.name}
	if e.retry > 0 {
		h["Retry-After"] = []string{strconv.Itoa(e.retry)}
	}
	writeJSON(w, e.status, b)
}

func writeJSON(w http.ResponseWriter, status int, b []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	w.Write(b) // a client that left cannot be told anything
}

var jsonType = []string{"application/json"}

func user(status int, name, format string, args ...any) *apiError {
	return &apiError{status: status, name: name, message: fmt.Sprintf(format, args...), kind: "User"}
}

func invalid(format string, args ...any) *apiError {
	return user(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

// untyped is an error of which AWS does not say whose it is.
func untyped(e *apiError) *apiError {
	e.kind = ""
	return e
}

func conflict(format string, args ...any) *apiError {
	return user(http.StatusConflict, "ResourceConflictException", format, args...)
}

func missing(format string, args ...any) *apiError {
	e := user(http.StatusNotFound, "ResourceNotFoundException", format, args...)
	e.capital = true
	return e
}

func tooLarge(name, format string, args ...any) *apiError {
	return user(http.StatusRequestEntityTooLarge, name, format, args...)
}

// stale is the answer to a RevisionId that is not the present one. get is what
// tells that one.
func stale(get string) *apiError {
	return user(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The Revision Id provided does not match the latest Revision Id. Call the %s API to retrieve the latest Revision Id", get)
}

// getFunction tells the revisions of functions and of aliases.
const getFunction = "GetFunction/GetAlias"

// validation joins what is wrong with a request's members.
func validation(problems []string) *apiError {
	word := "error"
	if len(problems) > 1 {
		word = "errors"
	}
	return &apiError{
		status: http.StatusBadRequest, name: "ValidationException",
		message: fmt.Sprintf("%d validation %s detected: %s", len(problems), word, strings.Join(problems, "; ")),
	}
}

// serialization is the answer to a member of the wrong type.
func serialization(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, name: "SerializationException", message: fmt.Sprintf(format, args...), capital: true}
}

func unparsable(what string) *apiError {
	return user(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: %s", what)
}

// notBuilt is the answer to what AWS has and Rouse does not.
func notBuilt(operation string) *apiError {
	return user(http.StatusNotImplemented, "NotImplementedException",
		"%s is not available in Rouse; docs/lambda.md lists what is", operation)
}

// unsupported is the answer to a setting that Rouse could only ignore.
func unsupported(setting, why string) *apiError {
	return invalid("%s is not available in Rouse: %s", setting, why)
}

// translate gives an error of the platform AWS's form.
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
		return missing("%s", e.Message)
	case rouse.Invalid, rouse.StartFailed, rouse.FunctionError, rouse.Timeout:
		return invalid("%s", e.Message)
	case rouse.TooLarge:
		return tooLarge("RequestTooLargeException", "%s", e.Message)
	case rouse.Throttled:
		return throttled(e)
	case rouse.Conflict:
		return conflict("%s", e.Message)
	case rouse.Unavailable:
		return unavailable(e)
	}
	return internal()
}

func internal() *apiError {
	return &apiError{
		status: http.StatusInternalServerError, name: "ServiceException", kind: "Server", capital: true,
		message: gateway.InternalMessage,
	}
}

// unavailable is the answer to what this host cannot do now, and may soon. The
// service model has one error for that, and its status.
func unavailable(e *rouse.Error) *apiError {
	return &apiError{
		status: http.StatusInternalServerError, name: "ServiceException", message: e.Message, kind: "Server", capital: true, retry: gateway.RetrySeconds(e),
	}
}

// throttled is AWS's 429. Its reason says which limit was met.
func throttled(e *rouse.Error) *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, name: "TooManyRequestsException",
		message: "Rate Exceeded.", kind: "User", reason: gateway.ThrottleReason(e.Quota), retry: gateway.RetrySeconds(e),
	}
}
