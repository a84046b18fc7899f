package lambdaapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const (
	// maxUpload is AWS's bound on a request that carries code.
	maxUpload = 70167211
	// maxJSON bounds the bodies of all others.
	maxJSON = int64(6 * rouse.MB)
	// slowBody is how long a client may take to send a body.
	slowBody = 5 * time.Minute
)

// request is one call of an operation whose input has been checked.
type request struct {
	*gateway.Call
	op    *operation
	input map[string]any    // members by name; blobs are taken out
	blobs map[string][]byte // by path, like code.zipFile
	// variables are Environment's as they were sent, when they are too large.
	variables []byte
}

// read takes in a request's members, from wherever they travel, and checks them.
func (a *api) read(c *gateway.Call, op *operation, params map[string]string, query url.Values) (*request, error) {
	r := &request{Call: c, op: op, input: map[string]any{}, blobs: map[string][]byte{}}
	if op.input == "" {
		return r, nil
	}
	s := shapes[op.input]
	inBody := false
	for _, m := range s.members {
		inBody = inBody || m.location == "" && s.payload == ""
	}
	if inBody {
		if err := r.readBody(); err != nil {
			return nil, err
		}
	}
	for _, m := range s.members {
		if m.location == "" {
			continue
		}
		delete(r.input, m.name) // what travels elsewhere cannot come in the body
		var values []string
		switch m.location {
		case "uri":
			values = []string{params[m.wire()]}
		case "querystring":
			values = query[m.wire()]
		case "header":
			values = c.Request.Header.Values(m.wire())
		}
		if len(values) == 0 || m.location == "querystring" && values[0] == "" {
			continue
		}
		v, err := parse(shapes[m.shape], values)
		if err != nil {
			return nil, err
		}
		r.input[m.name] = v
	}
	check := &checker{blobs: r.blobs}
	checked, err := check.value(op.input, "", r.input)
	if err != nil {
		return nil, err
	}
	r.input = checked.(map[string]any)
	problems := check.problems[:0]
	for _, p := range check.problems {
		if !a.ownWords(op, p) {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return nil, validation(problems)
	}
	return r, nil
}

// ownWords says whether an endpoint checks a member itself, since AWS has other
// words for it there.
func (a *api) ownWords(op *operation, problem string) bool {
	if strings.HasPrefix(problem, "Value 'http") && strings.Contains(problem, "estination' failed to satisfy constraint: Member must satisfy regular expression pattern") {
		return true // a webhook, which AWS does not have
	}
	switch op.name {
	case "CreateEventSourceMapping", "ListEventSourceMappings": // a queue elsewhere, which AWS does not poll
		return strings.HasPrefix(problem, "Value 'http") && strings.Contains(problem, "'eventSourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern")
	case "CreateFunction", "UpdateFunctionConfiguration":
		return strings.Contains(problem, "at 'runtime' failed to satisfy constraint: Member must satisfy enum value set")
	case "PublishLayerVersion":
		return strings.Contains(problem, " at 'compatible") && strings.Contains(problem, "enum value set")
	}
	return false
}

// parse reads a value that travels as text.
func parse(s *shape, values []string) (any, error) {
	text := values[0]
	switch s.kind {
	case kindInteger, kindLong:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return nil, mistyped(text, "an Integer")
		}
		return json.Number(text), nil
	case kindBoolean:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, mistyped(text, "a Boolean")
		}
		return b, nil
	case kindList:
		list := make([]any, len(values))
		for i := range values {
			list[i] = values[i]
		}
		return list, nil
	}
	return text, nil
}

// readBody reads a JSON body, within bounds of size and time.
func (r *request) readBody() error {
	limit := maxJSON
	switch r.op.name {
	case "CreateFunction", "UpdateFunctionCode", "PublishLayerVersion":
		limit = maxUpload
	}
	raw, err := gateway.ReadBody(r.Call, rouse.Bytes(limit), slowBody)
	switch {
	case rouse.CodeOf(err) == rouse.TooLarge:
		r.Writer.Header().Set("Connection", "close")
		return tooLarge("RequestEntityTooLargeException", "Request must be smaller than %d bytes for the %s operation", limit, r.op.name)
	case err != nil:
		return gateway.ErrClientGone
	case len(bytes.TrimSpace(raw)) == 0:
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var body any
	if err := decoder.Decode(&body); err != nil {
		return unparsable(clip(err.Error()))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return unparsable("there is something after the end of the document")
	}
	given, ok := body.(map[string]any)
	if !ok {
		return serialization("Expected a JSON object")
	}
	r.input = given
	r.measure(raw)
	return nil
}

// measure keeps variables beyond their limit in the order in which they came,
// since AWS's error shows them.
func (r *request) measure(raw []byte) {
	env, _ := r.input["Environment"].(map[string]any)
	variables, _ := env["Variables"].(map[string]any)
	size := 0
	for key, value := range variables {
		text, _ := value.(string)
		size += len(key) + len(text)
	}
	if size <= maxVariables/2 { // far from the limit, even with everything escaped
		return
	}
	var sent struct {
		Environment struct{ Variables json.RawMessage }
	}
	var b bytes.Buffer
	if json.Unmarshal(raw, &sent) == nil && json.Compact(&b, sent.Environment.Variables) == nil {
		r.variables = b.Bytes()
	}
}

// into fills a struct whose fields are called like the members.
func (r *request) into(v any) error {
	b, err := json.Marshal(r.input)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// text is a member that is a string; "" when it was not given.
func (r *request) text(name string) string {
	s, _ := r.input[name].(string)
	return s
}

func (r *request) has(name string) bool {
	_, ok := r.input[name]
	return ok
}

// number is a member that is a number, or otherwise when it was not given.
func (r *request) number(name string, otherwise int) int {
	n, ok := r.input[name].(json.Number)
	if !ok {
		return otherwise
	}
	i, _ := n.Int64() // checked
	return int(i)
}
