package lambdaapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// samples are values that shapes allow whose pattern no usual word is of.
var samples = map[string]string{
	"CapacityProviderArn":             "arn:aws:lambda:us-east-1:000000000000:capacity-provider:c",
	"Endpoint":                        "a:1",
	"SecurityGroupId":                 "sg-1",
	"SubnetId":                        "subnet-1",
	"Topic":                           "topic",
	"Action":                          "lambda:InvokeFunction",
	"AdditionalVersion":               "1",
	"Arn":                             "arn:aws:sqs:us-east-1:000000000000:q",
	"CodeSigningConfigArn":            "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0f6c334abcdea4d8b",
	"DestinationArn":                  "arn:aws:sqs:us-east-1:000000000000:q",
	"FileSystemArn":                   "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
	"FunctionName":                    "f",
	"FunctionRuntimeArn":              "arn:aws:lambda:us-east-1:000000000000:runtime/x",
	"FunctionUrlFunctionName":         "f",
	"Handler":                         "app.handler",
	"KMSKeyArn":                       "arn:aws:kms:us-east-1:000000000000:key/k",
	"LayerName":                       "l",
	"LayerNameOrArn":                  "l",
	"LayerPermissionAllowedAction":    "lambda:GetLayerVersion",
	"LayerPermissionAllowedPrincipal": "*",
	"LayerVersionArn":                 "arn:aws:lambda:us-east-1:000000000000:layer:l:1",
	"LocalMountPath":                  "/mnt/x",
	"MasterRegion":                    "ALL",
	"NameSpacedFunctionArn":           "arn:aws:lambda:us-east-1:000000000000:function:f",
	"NamespacedFunctionName":          "f",
	"PrincipalOrgID":                  "o-0123456789",
	"OrganizationId":                  "o-0123456789",
	"ResourceArn":                     "arn:aws:sqs:us-east-1:000000000000:q",
	"RoleArn":                         "arn:aws:iam::000000000000:role/r",
	"RuntimeVersionArn":               "arn:aws:lambda:us-east-1::runtime:0123456789012345678901234567890123456789012345678901234567890123",
	"SourceOwner":                     "000000000000",
	"TaggableResource":                "arn:aws:lambda:us-east-1:000000000000:function:f",
	"URI":                             "u",
	"UUIDString":                      mappingID,
	"Version":                         "1",
	"VersionWithLatestPublished":      "1",
}

// sample is a value that a shape allows, of what it demands and no more.
func sample(t *testing.T, name string) any {
	t.Helper()
	s := shapes[name]
	if text, ok := samples[name]; ok {
		return text
	}
	switch s.kind {
	case kindStructure:
		v := map[string]any{}
		for _, m := range s.members {
			if m.required {
				v[m.name] = sample(t, m.shape)
			}
		}
		return v
	case kindList:
		v := []any{sample(t, s.member)}
		for s.min != nil && float64(len(v)) < *s.min {
			v = append(v, sample(t, s.member))
		}
		return v
	case kindMap:
		return map[string]any{}
	case kindBlob:
		return base64.StdEncoding.EncodeToString([]byte("PK"))
	case kindBoolean:
		return true
	case kindInteger, kindLong, kindDouble, kindTimestamp:
		if s.min != nil && *s.min > 0 {
			return *s.min
		}
		return 1
	}
	if len(s.enum) > 0 {
		return s.enum[0]
	}
	text := "a"
	if s.min != nil {
		text = strings.Repeat("a", max(int(*s.min), 1))
	}
	if s.pattern != "" && !matches(s.pattern, text) {
		t.Errorf("%s: %q is not of the pattern %s; give a sample", name, text, s.pattern)
	}
	return text
}

// wrong is a value that a shape does not allow, and what AWS says of it.
type wrong struct {
	value any
	says  string
}

// wrongs are values of the right type past each of a scalar shape's limits.
func (s *shape) wrongs() (list []wrong) {
	add := func(value any, format string, args ...any) {
		list = append(list, wrong{value, fmt.Sprintf(format, args...)})
	}
	number := func(f float64) string {
		if s.kind == kindDouble {
			return strconv.FormatFloat(f, 'f', 1, 64)
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	switch s.kind {
	case kindInteger, kindLong, kindDouble:
		if s.max != nil {
			add(*s.max+1, "Member must have value less than or equal to %s", number(*s.max))
		}
		if s.min != nil {
			add(*s.min-1, "Member must have value greater than or equal to %s", number(*s.min))
		}
	case kindString:
		if s.max != nil {
			add(strings.Repeat("a", int(*s.max)+1), "Member must have length less than or equal to %s", number(*s.max))
		}
		if s.min != nil && *s.min > 0 {
			add("", "Member must have length greater than or equal to %s", number(*s.min))
		}
		if bad := "ä\t!"; s.pattern != "" && !matches(s.pattern, bad) {
			add(bad, "Member must satisfy regular expression pattern: %s", s.pattern)
		}
		if len(s.enum) > 0 {
			add("nonsense", "Member must satisfy enum value set: [%s]", strings.Join(s.enum, ", "))
		}
	}
	return list
}

// mistyped values and what each kind of shape makes of them.
var mistypes = map[kind][]wrong{
	kindString:    {{true, "TRUE_VALUE can not be converted to a String"}, {[]any{}, "START_ARRAY can not be converted to a String"}},
	kindInteger:   {{"1", "STRING_VALUE can not be converted to an Integer"}, {1.5, "DECIMAL_VALUE can not be converted to an Integer"}},
	kindLong:      {{"1", "STRING_VALUE can not be converted to an Integer"}},
	kindDouble:    {{"1", "STRING_VALUE can not be converted to a Double"}},
	kindBoolean:   {{"true", "STRING_VALUE can not be converted to a Boolean"}, {1, "NUMBER_VALUE can not be converted to a Boolean"}},
	kindBlob:      {{1, "NUMBER_VALUE can not be converted to a Blob"}, {"%", "Unable to decode the base64 value"}},
	kindList:      {{"x", "STRING_VALUE can not be converted to a List"}, {map[string]any{}, "START_OBJECT can not be converted to a List"}},
	kindMap:       {{[]any{}, "START_ARRAY can not be converted to a Map"}},
	kindStructure: {{"x", "STRING_VALUE can not be converted to a Structure"}, {[]any{}, "START_ARRAY can not be converted to a Structure"}},
}

// modelCase is an input of an operation that the service model does not allow.
type modelCase struct {
	path  string // of the member, as AWS writes it
	input map[string]any
	says  string
	typed bool // its type is wrong, which is another error
}

// breaking makes an input for each limit of shape, which stands at path. put
// returns a whole input with a value there.
func breaking(t *testing.T, name, path string, body bool, put func(any) map[string]any) (list []modelCase) {
	s := shapes[name]
	add := func(at string, v any, says string, typed bool) {
		list = append(list, modelCase{at, put(v), says, typed})
	}
	if body {
		for _, w := range mistypes[s.kind] {
			add(path, w.value, w.says, true)
		}
	}
	switch s.kind {
	case kindStructure:
		for _, m := range s.members {
			whole := func(v any) map[string]any {
				with := sample(t, name).(map[string]any)
				if with[m.name] = v; v == nil {
					delete(with, m.name)
				}
				return put(with)
			}
			at := path + "." + lowerFirst(m.name)
			if m.required {
				list = append(list, modelCase{at, whole(nil), "Member must not be null", false})
			}
			list = append(list, breaking(t, m.shape, at, body, whole)...)
		}
	case kindList:
		if s.max != nil && *s.max < 200 {
			long := make([]any, int(*s.max)+1)
			for i := range long {
				long[i] = sample(t, s.member)
			}
			add(path, long, "Member must have length less than or equal to "+strconv.Itoa(int(*s.max)), false)
		}
		if element := shapes[s.member]; element.kind == kindStructure {
			list = append(list, breaking(t, s.member, path+".1.member", body, func(v any) map[string]any { return put([]any{v}) })...)
		} else {
			for _, w := range element.wrongs() {
				add(path, []any{w.value}, "Member must satisfy constraint: ["+element.allInWords(), false)
			}
		}
	case kindMap:
		for _, w := range shapes[s.key].wrongs() {
			add(path, map[string]any{w.value.(string): sample(t, s.value)}, "Map keys must satisfy constraint: [", false)
		}
		for _, w := range shapes[s.value].wrongs() {
			add(path, map[string]any{sample(t, s.key).(string): w.value}, "Map value must satisfy constraint: [", false)
		}
	default:
		for _, w := range s.wrongs() {
			add(path, w.value, w.says, false)
		}
	}
	return list
}

// allInWords is the first of what AWS lists of an element.
func (s *shape) allInWords() string {
	switch {
	case s.max != nil:
		return "Member must have length less than or equal to " + strconv.Itoa(int(*s.max))
	case s.min != nil:
		return "Member must have length greater than or equal to " + strconv.Itoa(int(*s.min))
	case s.pattern != "":
		return "Member must satisfy regular expression pattern: " + s.pattern
	}
	return "Member must satisfy enum value set: [" + strings.Join(s.enum, ", ")
}

// send makes the request of an operation with an input; ok is false for one that
// cannot be sent.
func send(op *operation, input map[string]any) (method, target, body string, ok bool) {
	uri, query, _ := strings.Cut(op.uri, "?")
	values, _ := url.ParseQuery(query)
	left := map[string]any{"Zzz": 1} // which is in no model
	for name, v := range input {
		i := slices.IndexFunc(shapes[op.input].members, func(m member) bool { return m.name == name })
		m := shapes[op.input].members[i]
		text := fmt.Sprint(v)
		if f, isFloat := v.(float64); isFloat {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		switch m.location {
		case "uri":
			if text == "" {
				return "", "", "", false // another path
			}
			uri = strings.Replace(uri, "{"+m.wire()+"}", url.PathEscape(text), 1)
		case "querystring":
			if list, isList := v.([]any); isList {
				for _, one := range list {
					if one == "" {
						return "", "", "", false
					}
					values.Add(m.wire(), fmt.Sprint(one))
				}
			} else if text == "" {
				return "", "", "", false // as if it was not given
			} else {
				values.Set(m.wire(), text)
			}
		default:
			left[name] = v
		}
	}
	if strings.Contains(uri, "{") {
		return "", "", "", false
	}
	b, _ := json.Marshal(left)
	return op.method, uri + "?" + values.Encode(), string(b), true
}

// TestEveryLimitOfTheModelIsHeld sends each operation that is built inputs past
// each limit that its service model declares, one at a time.
func TestEveryLimitOfTheModelIsHeld(t *testing.T) {
	w := newWorld()
	w.mappings = &oneMapping{}
	h := w.api()
	checked := 0
	for i := range operations {
		op := &operations[i]
		if _, built := handlers[op.name]; !built || op.input == "" {
			continue
		}
		if method, target, body, ok := send(op, sample(t, op.input).(map[string]any)); !ok {
			t.Errorf("%s has no input", op.name)
		} else if got := call(h, method, target, body); slices.Contains([]string{"ValidationException", "SerializationException"}, got.Header().Get("X-Amzn-Errortype")) {
			t.Errorf("%s: %s %s: %s", op.name, target, body, got.Body)
		}
		for _, m := range shapes[op.input].members {
			whole := func(v any) map[string]any {
				input := sample(t, op.input).(map[string]any)
				if input[m.name] = v; v == nil {
					delete(input, m.name)
				}
				return input
			}
			at := lowerFirst(m.name)
			var cases []modelCase
			if m.required && m.location != "uri" {
				cases = append(cases, modelCase{at, whole(nil), "Member must not be null", false})
			}
			cases = append(cases, breaking(t, m.shape, at, m.location == "", whole)...)
			for _, c := range cases {
				method, target, body, ok := send(op, c.input)
				if !ok || ownWord(op.name, c) {
					continue
				}
				checked++
				got := call(h, method, target, body)
				name, says := "ValidationException", "at '"+c.path+"' failed to satisfy constraint: "+c.says
				if c.typed {
					name, says = "SerializationException", c.says
				}
				var answer struct{ Message string }
				json.Unmarshal(got.Body.Bytes(), &answer)
				if got.Code != 400 || got.Header().Get("X-Amzn-Errortype") != name || !strings.Contains(answer.Message, says) {
					t.Errorf("%s: %s %.150s %.150s: %d %s %.400s; want %s", op.name, method, target, body, got.Code, got.Header().Get("X-Amzn-Errortype"), answer.Message, says)
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d inputs were checked", checked)
	}
	t.Logf("%d inputs", checked)
}

// ownWord says of what an endpoint has other words than the model, since AWS has.
func ownWord(operation string, c modelCase) bool {
	switch {
	case strings.HasPrefix(c.path, "runtime") && (operation == "CreateFunction" || operation == "UpdateFunctionConfiguration"):
		return true
	case operation == "PublishLayerVersion" && strings.HasPrefix(c.path, "compatible"):
		return true
	}
	return false
}

func TestInvocationsAreHeldToTheModelToo(t *testing.T) {
	const invalid = " failed to satisfy constraint: Member must "
	h := newWorld().api()
	for _, c := range []struct {
		path   string // of the invocation, f's when empty
		query  string
		header []string
		says   string
	}{
		{"", "", []string{"X-Amz-Invocation-Type", "Never"}, "Value 'Never' at 'invocationType'" + invalid + "satisfy enum value set: [Event, RequestResponse, DryRun]"},
		{"", "", []string{"X-Amz-Log-Type", "All"}, "Value 'All' at 'logType'" + invalid + "satisfy enum value set: [None, Tail]"},
		{"", "", []string{"X-Amz-Log-Type", "All", "X-Amz-Invocation-Type", "Never"}, "2 validation errors detected: "},
		{"", "?Qualifier=" + strings.Repeat("a", 129), nil, "at 'qualifier'" + invalid + "have length less than or equal to 128"},
		{"", "?Qualifier=a.b", nil, "Value 'a.b' at 'qualifier'" + invalid + "satisfy regular expression pattern"},
		{strings.Repeat("a", 257), "", nil, "at 'functionName'" + invalid + "have length less than or equal to 256"},
		{strings.Repeat("a", 65), "", nil, "at 'functionName'" + invalid + "have length less than or equal to 64"},
		{"a%20b", "", nil, "Value 'a b' at 'functionName'" + invalid + "satisfy regular expression pattern"},
		{"nobody", "", []string{"X-Amz-Invocation-Type", "Never"}, "Value 'Never' at 'invocationType'"},
		{"", "", []string{"X-Amz-Tenant-Id", "t"}, "TenantId is not available in Rouse"},
		{"", "", []string{"X-Amz-Durable-Execution-Name", "d"}, "DurableExecutionName is not available in Rouse"},
	} {
		name := c.path
		if name == "" {
			name = "f"
		}
		for _, path := range []string{"/2015-03-31/functions/" + name + "/invocations", "/2021-11-15/functions/" + name + "/response-streaming-invocations"} {
			says := c.says
			if strings.Contains(path, "streaming") {
				if says = strings.Replace(says, "[Event, RequestResponse, DryRun]", "[RequestResponse, DryRun]", 1); strings.HasPrefix(says, "Durable") {
					continue // it has none
				}
			}
			if got := call(h, "POST", path+c.query, "{}", c.header...); got.Code != 400 || !strings.Contains(got.Body.String(), says) {
				t.Errorf("%.80s%.30s %v: %d %.300s, want %s", path, c.query, c.header, got.Code, got.Body, says)
			}
		}
	}
}
