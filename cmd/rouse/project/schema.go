package project

import (
	"bytes"
	"encoding/json"

	"github.com/rousehq/rouse/cmd/rouse/option"
)

// Schema is the JSON Schema of rouse.yaml.
func Schema() []byte {
	defaults := Defaults()
	shown := option.Fields(&defaults)
	properties := make(map[string]any)
	for i, f := range option.Fields(&Function{}) {
		p := map[string]any{"description": f.Doc}
		shape(p, f)
		if d := shown[i]; d.IsSet() {
			p["default"] = d.JSON()
		}
		properties[f.Key] = p
	}
	schema := map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                FileName,
		"description":          "The functions of a project, for rouse deploy -f.",
		"type":                 "object",
		"required":             []string{"functions"},
		"additionalProperties": false,
		"patternProperties":    map[string]any{"^x-": map[string]any{"description": "a place for YAML anchors"}},
		"properties": map[string]any{
			"functions": map[string]any{
				"type":                 "object",
				"description":          "functions by name",
				"minProperties":        1,
				"additionalProperties": map[string]any{"$ref": "#/$defs/function"},
				"propertyNames":        map[string]any{"pattern": "^[A-Za-z0-9_-]{1,64}$"},
			},
		},
		"$defs": map[string]any{"function": map[string]any{
			"type":                 "object",
			"additionalProperties": false,
			"properties":           properties,
			"oneOf": []any{
				map[string]any{"required": []string{"image"}},
				map[string]any{"required": []string{"code", "runtime"}},
				map[string]any{"required": []string{"model"}},
			},
		}},
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		panic("project: a schema that cannot be encoded: " + err.Error())
	}
	return out.Bytes()
}

// shape says in p what kind of value a field takes.
func shape(p map[string]any, f option.Field) {
	switch f.Kind() {
	case option.Whole:
		p["type"] = "integer"
	case option.Number:
		p["type"] = "number"
	case option.Bool:
		p["type"] = "boolean"
	case option.List:
		p["type"] = []string{"array", "string"}
		p["items"] = map[string]any{"type": "string"}
	case option.Map:
		p["type"] = "object"
		p["additionalProperties"] = map[string]any{"type": []string{"string", "number", "boolean", "null"}}
	case option.Unit:
		p["type"] = []string{"string", "number"}
	default:
		p["type"] = "string"
	}
	if f.Enum != nil {
		p["enum"] = f.Enum
	}
}
