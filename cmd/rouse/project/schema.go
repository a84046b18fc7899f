package project

import (
	"bytes"
	"encoding/json"

	"github.com/rousehq/rouse/cmd/rouse/option"
)

// Schema is the JSON Schema of rouse.yaml.
func Schema() []byte {
	function, queue, mapping, schedule := Defaults(), DefaultQueue(), DefaultMapping(), DefaultSchedule()
	named := func(doc, ref, pattern string) map[string]any {
		return map[string]any{
			"type": "object", "description": doc,
			"additionalProperties": map[string]any{"$ref": "#/$defs/" + ref},
			"propertyNames":        map[string]any{"pattern": pattern},
		}
	}
	functions := named("functions by name", "function", "^[A-Za-z0-9_-]{1,64}$")
	functions["minProperties"] = 1
	def := object(&Function{}, &function)
	def["oneOf"] = []any{
		map[string]any{"required": []string{"image"}},
		map[string]any{"required": []string{"code", "runtime"}},
		map[string]any{"required": []string{"model"}},
	}
	mappings, schedules := object(&Mapping{}, &mapping), object(&Schedule{}, &schedule)
	mappings["required"], schedules["required"] = []string{"queue", "function"}, []string{"function", "when"}
	schema := map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                FileName,
		"description":          "The functions of a project and what calls them, for rouse deploy -f.",
		"type":                 "object",
		"required":             []string{"functions"},
		"additionalProperties": false,
		"patternProperties":    map[string]any{"^x-": map[string]any{"description": "a place for YAML anchors"}},
		"properties": map[string]any{
			"functions": functions,
			"queues":    named("queues by name", "queue", queueName.String()),
			"mappings":  map[string]any{"type": "array", "description": "functions that are called with messages of queues", "items": map[string]any{"$ref": "#/$defs/mapping"}},
			"schedules": named("times at which functions are run, by name", "schedule", "^[A-Za-z0-9_-]{1,64}$"),
		},
		"$defs": map[string]any{"function": def, "queue": orNull(object(&Queue{}, &queue)), "mapping": mappings, "schedule": schedules},
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

// object is the schema of a struct with the defaults that another one has.
func object(ptr, defaults any) map[string]any {
	shown := option.Fields(defaults)
	properties := make(map[string]any)
	for i, f := range option.Fields(ptr) {
		p := map[string]any{"description": f.Doc}
		shape(p, f)
		if d := shown[i]; d.IsSet() {
			p["default"] = d.JSON()
		}
		properties[f.Key] = p
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

// orNull lets a schema's object be left empty.
func orNull(schema map[string]any) map[string]any {
	schema["type"] = []string{"object", "null"}
	return schema
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
	case option.Any: // takes what it takes
	case option.Unit:
		p["type"] = []string{"string", "number"}
	default:
		p["type"] = "string"
	}
	if f.Enum != nil {
		p["enum"] = f.Enum
	}
}
