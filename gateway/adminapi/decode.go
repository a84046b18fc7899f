package adminapi

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// decode fills into, a pointer, from raw. Unlike encoding/json it wants keys
// letter for letter and says where a mistake is and which key was perhaps meant.
func decode(raw []byte, into any) error {
	if len(strings.TrimSpace(string(raw))) == 0 {
		return rouse.Errorf(rouse.Invalid, "body: missing; send a JSON object")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return rouse.Errorf(rouse.Invalid, "body: not JSON at byte %d: %s", syntax.Offset, syntax.Error())
		}
		return rouse.Errorf(rouse.Invalid, "body: not JSON")
	}
	if err := check(bytes.TrimSpace(whole), reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	if json.Unmarshal(whole, into) != nil {
		// check saw the last of several equal keys; this saw all.
		return rouse.Errorf(rouse.Invalid, "body: a key is given twice")
	}
	return nil
}

// check walks raw beside the type that it is to become.
func check(raw json.RawMessage, t reflect.Type, path string) error {
	null := string(raw) == "null"
	if t.Kind() == reflect.Pointer {
		if null {
			return nil
		}
		return check(raw, t.Elem(), path)
	}
	switch {
	case null && t.Kind() != reflect.Map && t.Kind() != reflect.Slice:
		return rouse.Errorf(rouse.Invalid, "%s: must not be null", where(path))
	case readsItself(t):
		return checkLeaf(raw, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return checkObject(raw, t, path)
	case reflect.Map:
		var values map[string]json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			return rouse.Errorf(rouse.Invalid, "%s: must be an object", where(path))
		}
		for _, key := range sortedKeys(values) {
			if err := check(values[key], t.Elem(), join(path, key)); err != nil {
				return err
			}
		}
		return nil
	}
	return checkLeaf(raw, t, path)
}

func checkObject(raw json.RawMessage, t reflect.Type, path string) error {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return rouse.Errorf(rouse.Invalid, "%s: must be an object", where(path))
	}
	fields := jsonFields(t)
	for _, key := range sortedKeys(values) {
		field, ok := fields[key]
		if !ok {
			return rouse.Errorf(rouse.Invalid, "%s: unknown key; %s", join(path, rouse.Clip(key)), suggest(key, sortedKeys(fields)))
		}
		if err := check(values[key], field, join(path, key)); err != nil {
			return err
		}
	}
	return nil
}

// checkLeaf tries the value on its own, so that the message can name the field.
func checkLeaf(raw json.RawMessage, t reflect.Type, path string) error {
	err := json.Unmarshal(raw, reflect.New(t).Interface())
	if err == nil {
		return nil
	}
	var own *rouse.Error
	if errors.As(err, &own) {
		return rouse.Errorf(own.Code, "%s: %s", where(path), own.Message)
	}
	want := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Float64: "a number",
		reflect.Int: "a whole number", reflect.Int64: "a whole number", reflect.Uint64: "a whole number from 0",
		reflect.Slice: "a list of strings",
	}[t.Kind()]
	if want == "" {
		want = "of another form"
	}
	return rouse.Errorf(rouse.Invalid, "%s: must be %s, not %s", where(path), want, rouse.Clip(string(raw)))
}

// jsonFields are the keys of a struct, those of embedded structs included.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && name == "":
			maps.Copy(fields, jsonFields(f.Type))
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func where(path string) string {
	if path == "" {
		return "body"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
