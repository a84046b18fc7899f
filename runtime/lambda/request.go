package lambda

import (
	"bytes"
	"strconv"
	"strings"
)

// request is the head of a request, as far as the Runtime API looks at it.
// method and path point into the connection's buffer.
type request struct {
	method, path []byte
	length       int64 // of the body; 0 when there is none
	chunked      bool
	close        bool // the client wants the connection closed afterwards
	expect       bool // the client waits for 100 Continue
	errorType    string
	mode         string // Lambda-Runtime-Function-Response-Mode
	contentType  string // of a streamed answer
	// What extensions say of themselves.
	extName, extID, extErrorType, extFeatures string
}

// badRequest is a request that cannot be understood; the connection ends with it.
type badRequest struct {
	status int
	reason string
}

func (e *badRequest) Error() string { return e.reason }

func malformed(reason string) error { return &badRequest{status: 400, reason: reason} }

// endOfHead returns the length of the head with its empty line, or 0 when b
// does not hold all of it yet. A line may end in LF alone.
func endOfHead(b []byte, from int) int {
	for i := from; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// parseHead reads a head that endOfHead has found. It keeps no part of it but
// method and path.
func parseHead(b []byte) (request, error) {
	var req request
	line, rest := cutLine(b)
	method, target, ok := bytes.Cut(line, []byte(" "))
	target, version, okVersion := bytes.Cut(target, []byte(" "))
	if !ok || !okVersion || len(method) == 0 || len(target) == 0 || bytes.IndexByte(version, ' ') >= 0 {
		return req, malformed("malformed request line")
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		req.close = true
	default:
		return req, &badRequest{status: 505, reason: "unsupported HTTP version"}
	}
	req.method = method
	req.path, _, _ = bytes.Cut(target, []byte("?"))
	hasLength := false
	for {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isToken(name) {
			return req, malformed("malformed header")
		}
		if err := req.header(name, bytes.Trim(value, " \t"), &hasLength); err != nil {
			return req, err
		}
	}
	if req.chunked && hasLength {
		return req, malformed("both Content-Length and Transfer-Encoding")
	}
	return req, nil
}

// header takes in one header. Only names of the right length are compared.
func (req *request) header(name, value []byte, hasLength *bool) error {
	switch {
	case is(name, "content-length"):
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || (*hasLength && int64(n) != req.length) {
			return malformed("malformed Content-Length")
		}
		*hasLength, req.length = true, int64(n)
	case is(name, "transfer-encoding"):
		if req.chunked || !is(value, "chunked") {
			return &badRequest{status: 501, reason: "Transfer-Encoding must be chunked"}
		}
		req.chunked = true
	case is(name, "connection"):
		req.close = req.close || hasToken(string(value), "close")
	case is(name, "expect"):
		req.expect = is(value, "100-continue")
	case is(name, errorTypeHeader):
		req.errorType = string(value)
	case is(name, responseModeHeader):
		req.mode = string(value)
	case is(name, "content-type"):
		req.contentType = contentType(value)
	case is(name, "lambda-extension-name"):
		req.extName = string(value)
	case is(name, "lambda-extension-identifier"):
		req.extID = string(value)
	case is(name, "lambda-extension-function-error-type"):
		req.extErrorType = string(value)
	case is(name, "lambda-extension-accept-feature"):
		req.extFeatures = string(value)
	}
	return nil
}

// contentType makes a string of a type; the usual one costs no memory.
func contentType(value []byte) string {
	const usual = "application/json"
	if string(value) == usual {
		return usual
	}
	return string(value)
}

const (
	errorTypeHeader    = "lambda-runtime-function-error-type"
	errorBodyHeader    = "lambda-runtime-function-error-body"
	responseModeHeader = "lambda-runtime-function-response-mode"
)

// cutLine splits b after its first line; the line comes without its end.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimSuffix(b, []byte("\r")), nil
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), b[i+1:]
}

// is compares without regard to ASCII case; lower is in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func hasToken(list, token string) bool {
	for word := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(word), token) {
			return true
		}
	}
	return false
}

// isToken says whether b may be a header's name (RFC 9110, token).
func isToken(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return len(b) > 0
}

// endpoint is one of the Runtime API's.
type endpoint int

const (
	unknown endpoint = iota
	next
	response
	invocationError
	initErrors
	restoreNext
	restoreErrors
	extRegister
	extNext
	extInitError
	extExitError
	initImports // our own bootstrap's
	telemetry
)

const base = "/2018-06-01/runtime/"

// route finds the endpoint that a request means, with the id it names.
func route(method, path []byte) (ep endpoint, id []byte) {
	tail, ok := bytes.CutPrefix(path, []byte(base))
	if !ok {
		return routeExtension(method, path), nil
	}
	switch string(method) {
	case "GET":
		switch string(tail) {
		case "invocation/next":
			return next, nil
		case "restore/next":
			return restoreNext, nil
		}
	case "POST":
		switch string(tail) {
		case "init/error":
			return initErrors, nil
		case "init/imports":
			return initImports, nil
		case "restore/error":
			return restoreErrors, nil
		}
		tail, ok = bytes.CutPrefix(tail, []byte("invocation/"))
		id, verb, cut := bytes.Cut(tail, []byte("/"))
		switch {
		case !ok || !cut || len(id) == 0:
		case string(verb) == "response":
			return response, id
		case string(verb) == "error":
			return invocationError, id
		}
	}
	return unknown, nil
}

// routeExtension finds the endpoint of the Extensions API that a request means.
func routeExtension(method, path []byte) endpoint {
	if string(method) == "PUT" && (string(path) == telemetryPath || string(path) == logsPath) {
		return telemetry
	}
	tail, ok := bytes.CutPrefix(path, []byte(extensionBase))
	if !ok {
		return unknown
	}
	switch string(method) + " " + string(tail) {
	case "POST register":
		return extRegister
	case "GET event/next":
		return extNext
	case "POST init/error":
		return extInitError
	case "POST exit/error":
		return extExitError
	}
	return unknown
}
