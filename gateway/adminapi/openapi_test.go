package adminapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// schema is what the tests read of a JSON Schema.
type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 any                `json:"type"` // a string or a list of them
	Format               string             `json:"format"`
	Enum                 []string           `json:"enum"`
	Default              any                `json:"default"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	AdditionalProperties any                `json:"additionalProperties"`
}

type operation struct {
	ID        string                     `json:"operationId"`
	Summary   string                     `json:"summary"`
	Tags      []string                   `json:"tags"`
	Responses map[string]json.RawMessage `json:"responses"`
}

type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]*schema }
}

func readDocument(t *testing.T) (doc document) {
	t.Helper()
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// described are the types behind the document's schemas.
var described = map[string]reflect.Type{
	"Error": reflect.TypeFor[struct {
		Error ErrorBody `json:"error"`
	}](),
	"ErrorBody":        reflect.TypeFor[ErrorBody](),
	"Artifact":         reflect.TypeFor[rouse.Artifact](),
	"UploadedArtifact": reflect.TypeFor[Artifact](),
	"Spec":             reflect.TypeFor[rouse.Spec](),
	"Settings":         reflect.TypeFor[rouse.Settings](),
	"Deployment":       reflect.TypeFor[rouse.Deployment](),
	"Deployed":         reflect.TypeFor[rouse.Deployed](),
	"Progress":         reflect.TypeFor[Progress](),
	"Function":         reflect.TypeFor[rouse.Function](),
	"FunctionView":     reflect.TypeFor[FunctionView](),
	"Revision":         reflect.TypeFor[rouse.Revision](),
	"Preparing":        reflect.TypeFor[rouse.Preparing](),
	"PreparingFailure": reflect.TypeFor[rouse.PreparingFailure](),
	"Version":          reflect.TypeFor[rouse.Version](),
	"NextStart":        reflect.TypeFor[NextStart](),
	"Publication":      reflect.TypeFor[Publication](),
	"Alias":            reflect.TypeFor[rouse.Alias](),
	"Instance":         reflect.TypeFor[rouse.Instance](),
	"Cells":            reflect.TypeFor[rouse.Cells](),
	"CellKind":         reflect.TypeFor[rouse.CellKind](),
	"Schedule":         reflect.TypeFor[rouse.Schedule](),
	"ScheduleStatus":   reflect.TypeFor[rouse.ScheduleStatus](),
	"ScheduleState":    reflect.TypeFor[rouse.ScheduleState](),
	"ScheduleSwitch":   reflect.TypeFor[ScheduleSwitch](),
	"NextRuns":         reflect.TypeFor[NextRuns](),
	"JobAccepted":      reflect.TypeFor[rouse.JobAccepted](),
	"JobPage":          reflect.TypeFor[rouse.JobPage](),
	"JobView":          reflect.TypeFor[rouse.JobView](),
	"JobFailure":       reflect.TypeFor[rouse.JobFailure](),
	"LogLine":          reflect.TypeFor[LogLine](),
	"Key":              reflect.TypeFor[rouse.Key](),
	"NewKey":           reflect.TypeFor[NewKey](),
	"Status":           reflect.TypeFor[Status](),
}

// units are schemas of types that write themselves, or of named strings.
var units = map[string]reflect.Type{
	"Duration":     reflect.TypeFor[rouse.Duration](),
	"Bytes":        reflect.TypeFor[rouse.Bytes](),
	"FunctionName": reflect.TypeFor[rouse.FunctionName](),
	"RevisionID":   reflect.TypeFor[rouse.RevisionID](),
	"State":        reflect.TypeFor[rouse.State](),
	"Code":         reflect.TypeFor[rouse.Code](),
}

func TestTheDocumentListsEveryRouteAndNoOther(t *testing.T) {
	doc := readDocument(t)
	var have, want []string
	ids := map[string]bool{}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			have = append(have, strings.ToUpper(method)+" "+path)
			if op.ID == "" || ids[op.ID] || op.Summary == "" || len(op.Tags) != 1 || op.Responses["default"] == nil || len(op.Responses) < 2 {
				t.Errorf("%s %s: id %q is missing or double, or summary, tag or an answer is missing", method, path, op.ID)
			}
			ids[op.ID] = true
		}
	}
	for _, r := range (&api{}).routes() {
		want = append(want, r.method+" "+r.path)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the document has\n%s\nthe table has\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("version %q", doc.OpenAPI)
	}
}

func TestEveryPlaceholderIsAParameter(t *testing.T) {
	doc := struct {
		Paths map[string]map[string]struct{ Parameters []map[string]any }
	}{}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			var have []string
			for _, p := range op.Parameters {
				if ref, ok := p["$ref"].(string); ok {
					have = append(have, ref[strings.LastIndex(ref, "/")+1:])
				} else if p["in"] == "path" {
					have = append(have, p["name"].(string))
				}
			}
			var want []string
			for _, m := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path, -1) {
				want = append(want, m[1])
			}
			if !slices.Equal(have, want) {
				t.Errorf("%s %s: parameters %v, placeholders %v", method, path, have, want)
			}
		}
	}
}

func TestEveryReferenceLeadsSomewhereAndEverySchemaIsUsed(t *testing.T) {
	var tree map[string]any
	if err := json.Unmarshal(openAPIDocument, &tree); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"\$ref": "#/([^"]+)"`).FindAllStringSubmatch(string(openAPIDocument), -1) {
		var at any = tree
		for part := range strings.SplitSeq(m[1], "/") {
			at = at.(map[string]any)[part]
		}
		if at == nil {
			t.Errorf("%s leads nowhere", m[1])
		}
		used[m[1]] = true
	}
	for name := range readDocument(t).Components.Schemas {
		if !used["components/schemas/"+name] {
			t.Errorf("schema %s is never used", name)
		}
		if described[name] == nil && units[name] == nil {
			t.Errorf("schema %s is compared with no type", name)
		}
	}
}

func TestSchemasAreTheGoTypes(t *testing.T) {
	doc := readDocument(t)
	for name, typ := range described {
		s := doc.Components.Schemas[name]
		if s == nil {
			t.Errorf("%s: no schema", name)
			continue
		}
		fields, required := fieldsOf(typ)
		if have, want := sortedKeys(s.Properties), sortedKeys(fields); !slices.Equal(have, want) {
			t.Errorf("%s: the schema has %v, the type %v", name, have, want)
			continue
		}
		for key, field := range fields {
			if err := matches(s.Properties[key], field); err != nil {
				t.Errorf("%s.%s: %v", name, key, err)
			}
		}
		if s.AdditionalProperties != false {
			t.Errorf("%s: must refuse other keys", name)
		}
		slices.Sort(s.Required)
		if !asked[name] && !slices.Equal(s.Required, required) {
			t.Errorf("%s: the schema requires %v, the type always writes %v", name, s.Required, required)
		}
	}
}

// asked are shapes of requests, which may leave out what answers always have.
var asked = map[string]bool{"Deployment": true, "Spec": true, "Settings": true, "Publication": true, "NextStart": true, "Alias": true, "Schedule": true}

// fieldsOf is jsonFields with the keys that are always written.
func fieldsOf(t reflect.Type) (fields map[string]reflect.Type, required []string) {
	fields = jsonFields(t)
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-":
			case f.Anonymous:
				walk(f.Type)
			case !strings.HasPrefix(options, "omit"):
				required = append(required, name)
			}
		}
	}
	walk(t)
	slices.Sort(required)
	return fields, required
}

// matches compares a property with a field's type.
func matches(s *schema, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		if described[name] != t && units[name] != t {
			return fmt.Errorf("schema %s, type %s", name, t)
		}
		return nil
	}
	for name, unit := range units {
		if unit == t {
			return fmt.Errorf("must refer to %s", name)
		}
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return nil // anything
	}
	kinds := []string{fmt.Sprint(s.Type)}
	if list, ok := s.Type.([]any); ok {
		kinds = nil
		for _, k := range list {
			kinds = append(kinds, fmt.Sprint(k))
		}
	}
	if want := kindOf(t); !slices.Contains(kinds, want) {
		return fmt.Errorf("schema is %v, type %s is %s", kinds, t, want)
	}
	if t.Kind() == reflect.Slice {
		return matches(s.Items, t.Elem())
	}
	return nil
}

func kindOf(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "string"
}

func TestDocumentedDefaultsAreTheRealOnes(t *testing.T) {
	doc := readDocument(t)
	for name, value := range map[string]any{"Spec": rouse.DefaultSpec(), "Settings": rouse.DefaultSettings()} {
		b, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var real map[string]any
		if err := json.Unmarshal(b, &real); err != nil {
			t.Fatal(err)
		}
		delete(real, "artifact") // has to be given
		documented := map[string]any{}
		for key, property := range doc.Components.Schemas[name].Properties {
			if property.Default != nil {
				documented[key] = property.Default
			}
		}
		if !maps.Equal(real, documented) {
			t.Errorf("%s: the defaults are %v, documented are %v", name, real, documented)
		}
	}
}

func TestDocumentedWordsAreTheRealOnes(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	states := []string{string(rouse.Starting), string(rouse.Ready), string(rouse.Frozen), string(rouse.Draining), string(rouse.Gone)}
	if !slices.Equal(schemas["State"].Enum, states) {
		t.Errorf("states are %v", schemas["State"].Enum)
	}
	for _, word := range schemas["Code"].Enum {
		if code := rouse.Code(word); gateway.Status(code) == http.StatusInternalServerError && code != rouse.Internal {
			t.Errorf("code %s has no status", word)
		}
	}
	for _, word := range schemas["Spec"].Properties["contract"].Enum {
		spec := rouse.Spec{Contract: rouse.Contract(word)}
		if err := spec.Validate(); strings.HasPrefix(err.Error(), "invalid: contract") {
			t.Error(err)
		}
	}
}

func TestTheDocumentsAreServed(t *testing.T) {
	s := serve(t, newPlatform())
	if status, body := call(t, s, "GET", "/api/v1/openapi.json", ""); status != 200 || body != string(openAPIDocument) {
		t.Errorf("status %d, %d bytes", status, len(body))
	}
	if status, body := call(t, s, "GET", "/api/v1/schema/rouse.yaml.json", ""); status != 200 || body != `{"title":"rouse.yaml"}` {
		t.Errorf("%d %s", status, body)
	}
}
