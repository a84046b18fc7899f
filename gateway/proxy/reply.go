package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/internal/rawjson"
)

// reply is what a function's result means as a response.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// eightNULs divide the prelude of a streamed response from its body. JSON has no NUL.
var eightNULs = make([]byte, 8)

// parseReply reads a result: an object with a statusCode is a response, any
// other JSON value is the body of one, and so is an empty result. One that is neither is a
// FunctionError that says what is wrong with it.
func parseReply(payload []byte) (*reply, error) {
	if len(payload) == 0 {
		return &reply{status: http.StatusOK, header: http.Header{}}, nil
	}
	if !rawjson.Valid(payload) {
		if prelude, body, ok := bytes.Cut(payload, eightNULs); ok {
			rep, err := parsePrelude(prelude)
			if err != nil {
				return nil, err
			}
			rep.body = body
			return rep, nil
		}
		return nil, malformed("the result is not JSON")
	}
	rep := &reply{header: http.Header{}}
	if rawjson.IsObject(payload) {
		base64Encoded := false
		err := rawjson.Members(payload, func(key string, value []byte) error {
			switch key {
			case "statusCode":
				return rep.member(key, value)
			case "isBase64Encoded":
				base64Encoded = string(value) == "true" || string(value) == `"true"`
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if rep.status != 0 {
			if err := rawjson.Members(payload, rep.member); err != nil {
				return nil, err
			}
			rep.header["Content-Type"] = orElse(rep.header["Content-Type"], "application/json")
			return rep, rep.decode(base64Encoded)
		}
	}
	return &reply{
		status: http.StatusOK,
		header: http.Header{"Content-Type": {"application/json"}},
		body:   payload,
	}, nil
}

// parsePrelude reads what comes before the body of a streamed answer.
func parsePrelude(prelude []byte) (*reply, error) {
	if !rawjson.Valid(prelude) || !rawjson.IsObject(prelude) {
		return nil, malformed("its prelude is not a JSON object")
	}
	rep := &reply{status: http.StatusOK, header: http.Header{}}
	if err := rawjson.Members(prelude, rep.member); err != nil {
		return nil, err
	}
	rep.header["Content-Type"] = orElse(rep.header["Content-Type"], "application/octet-stream")
	return rep, nil
}

// member takes in one member of a response object.
func (rep *reply) member(key string, value []byte) error {
	if string(value) == "null" {
		return nil
	}
	switch key {
	case "statusCode":
		text := string(bytes.Trim(value, `"`))
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n < 200 || n > 599 || n != float64(int(n)) {
			return malformed("statusCode must be a number from 200 to 599")
		}
		rep.status = int(n)
	case "headers", "multiValueHeaders":
		if !rawjson.IsObject(value) {
			return malformed(key + " must be an object")
		}
		return rawjson.Members(value, rep.addHeader)
	case "cookies":
		var cookies []string
		if json.Unmarshal(value, &cookies) != nil {
			return malformed("cookies must be an array of strings")
		}
		for _, cookie := range cookies {
			rep.header.Add("Set-Cookie", cookie)
		}
	case "body":
		if value[0] != '"' {
			return malformed("body must be a string")
		}
		if text := value[1 : len(value)-1]; bytes.IndexByte(text, '\\') < 0 {
			rep.body = text
			return nil
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			return malformed("body must be a string")
		}
		rep.body = []byte(text)
	}
	return nil
}

// addHeader takes in one header; several values come as an array. Numbers and
// booleans are tolerated, as AWS does.
func (rep *reply) addHeader(name string, value []byte) error {
	if !isToken(name) {
		return malformed("headers: " + strconv.Quote(name) + " is not a header's name")
	}
	name = http.CanonicalHeaderKey(name)
	if hopByHop(name) || name == "Content-Length" {
		return nil
	}
	switch value[0] {
	case '"':
		var text string
		if json.Unmarshal(value, &text) != nil {
			return malformed("headers: " + name + " is not a string")
		}
		rep.header[name] = append(rep.header[name], text)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return malformed("headers: " + name + " is not a list")
		}
		for _, item := range list {
			if item[0] == '[' {
				return malformed("headers: " + name + " must be a string")
			}
			if err := rep.addHeader(name, item); err != nil {
				return err
			}
		}
	case '{':
		return malformed("headers: " + name + " must be a string")
	case 'n': // null: no header
	default:
		rep.header[name] = append(rep.header[name], string(value))
	}
	return nil
}

func (rep *reply) decode(base64Encoded bool) error {
	if !base64Encoded || len(rep.body) == 0 {
		return nil
	}
	body, err := base64.StdEncoding.AppendDecode(nil, rep.body)
	if err != nil {
		return malformed("isBase64Encoded is true, but body is not base64")
	}
	rep.body = body
	return nil
}

// write answers with rep. before may add to the header.
func (rep *reply) write(out *patient, method string, before func(http.Header)) {
	h := out.to.Header()
	for name, values := range rep.header {
		h[name] = values
	}
	before(h)
	bare := rep.status == http.StatusNoContent || rep.status == http.StatusNotModified
	if !bare {
		h["Content-Length"] = []string{strconv.Itoa(len(rep.body))}
	}
	out.to.WriteHeader(rep.status)
	if !bare && method != http.MethodHead {
		out.Write(rep.body) // a client that left cannot be told anything
		out.end()
	}
}

// malformed is the error for a result that means no response.
func malformed(what string) error {
	e := rouse.Errorf(rouse.FunctionError, "the function's result is not a valid response: %s", what)
	e.Type = "Function.InvalidResponse"
	return e
}

func orElse(values []string, value string) []string {
	if len(values) > 0 {
		return values
	}
	return []string{value}
}

// isToken says whether s may be a header's name (RFC 9110, token).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
