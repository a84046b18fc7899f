// Package option lets one struct drive command-line flags, a YAML file,
// environment variables and documentation, so that they cannot drift apart.
//
// A field takes part when it has a yaml tag, its key. Further tags: doc is its
// line of help; enum lists, with commas, the only values allowed; short is its
// one-letter flag. A pointer field is nil until it is set. Fields are strings,
// bools, ints, floats, string lists, string maps, have Set, String and Type
// methods as pflag.Value does, or are a Reader, which cannot be a flag.
package option

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/rousehq/rouse"
)

// Reader is a value that reads itself from a file, however deep it is there.
type Reader interface {
	ReadYAML(n Node) error
}

var (
	stringsType    = reflect.TypeFor[[]string]()
	stringsPointer = reflect.TypeFor[*[]string]()
)

// Field is one field of a struct in hand.
type Field struct {
	Key  string // as the YAML file spells it: max_instances
	Doc  string
	Enum []string // the only values allowed; nil for all
	// Short is the one-letter flag, or "".
	Short string

	value reflect.Value // addressable
}

// Fields lists the fields of the struct that ptr points at, in its order;
// those of embedded structs are among them.
func Fields(ptr any) []Field { return fieldsOf(reflect.ValueOf(ptr).Elem()) }

func fieldsOf(v reflect.Value) []Field {
	fields := make([]Field, 0, v.NumField())
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			fields = append(fields, fieldsOf(v.Field(i))...)
			continue
		}
		tag := v.Type().Field(i).Tag
		key := tag.Get("yaml")
		if key == "" {
			continue
		}
		f := Field{Key: key, Doc: tag.Get("doc"), Short: tag.Get("short"), value: v.Field(i)}
		if enum := tag.Get("enum"); enum != "" {
			f.Enum = strings.Split(enum, ",")
		}
		fields = append(fields, f)
	}
	return fields
}

// Find is the field with a key.
func Find(fields []Field, key string) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == key })
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

// Keys lists the fields' keys.
func Keys(fields []Field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.Key
	}
	return keys
}

// Flag is the field's name on the command line: max-instances.
func (f Field) Flag() string { return strings.ReplaceAll(f.Key, "_", "-") }

// Env is the field's name in the environment: ROUSE_MAX_INSTANCES.
func (f Field) Env() string { return "ROUSE_" + strings.ToUpper(f.Key) }

// IsSet says whether the field has been given a value: a pointer, list or map
// that is not nil, or anything but zero.
func (f Field) IsSet() bool { return !f.value.IsZero() }

// CopyFrom takes the value of the same field of another struct.
func (f Field) CopyFrom(other Field) { f.value.Set(other.value) }

// Set reads a value from text. A list or map takes text as one more item.
func (f Field) Set(text string) error {
	if f.Enum != nil && !slices.Contains(f.Enum, text) {
		return rouse.Errorf(rouse.Invalid, "%q: must be %s", text, orList(f.Enum))
	}
	return set(f.value, text)
}

// SetAll is Set for places that hold one text for the whole value: a list's or
// map's items stand between commas and replace those before.
func (f Field) SetAll(text string) error {
	switch f.Kind() {
	case List, Map:
		f.value.SetZero()
		for item := range strings.SplitSeq(text, ",") {
			if err := f.Set(strings.TrimSpace(item)); err != nil {
				return err
			}
		}
		return nil
	}
	return f.Set(text)
}

func set(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if err := set(fresh.Elem(), text); err != nil {
			return err
		}
		v.Set(fresh)
		return nil
	}
	if own, ok := v.Addr().Interface().(pflag.Value); ok {
		return own.Set(text)
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return rouse.Errorf(rouse.Invalid, "%q: must be true or false", text)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return rouse.Errorf(rouse.Invalid, "%q: must be a whole number", text)
		}
		v.SetInt(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return rouse.Errorf(rouse.Invalid, "%q: must be a number", text)
		}
		v.SetFloat(n)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.ValueOf(text)))
	case reflect.Map:
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return rouse.Errorf(rouse.Invalid, "%q: must be KEY=VALUE", text)
		}
		setKey(v, key, value)
	default:
		return fmt.Errorf("a field of type %s cannot be an option", v.Type())
	}
	return nil
}

func setKey(v reflect.Value, key, value string) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(value))
}

// String writes the value as Set reads it; "" when it is not set.
func (f Field) String() string {
	v := f.value
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch value := v.Addr().Interface().(type) {
	case fmt.Stringer:
		return value.String()
	case *[]string:
		return strings.Join(*value, ",")
	case *map[string]string:
		items := make([]string, 0, len(*value))
		for k, item := range *value {
			items = append(items, k+"="+item)
		}
		slices.Sort(items)
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v.Interface())
}

// Kind is what sort of value a field takes.
type Kind string

// The kinds, as help texts name them.
const (
	Text   Kind = "text"
	Bool   Kind = "bool"
	Whole  Kind = "number"
	Number Kind = "decimal"
	List   Kind = "list"
	Map    Kind = "K=V"
	Unit   Kind = "unit" // has its own notation, such as 512MB
	Any    Kind = "any"  // a Reader
)

// Kind is what sort of value the field takes.
func (f Field) Kind() Kind {
	t := f.elem()
	if reflect.PointerTo(t).Implements(reflect.TypeFor[Reader]()) {
		return Any
	}
	switch t.Kind() {
	case reflect.Slice:
		return List
	case reflect.Map:
		return Map
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[pflag.Value]()) {
		return Unit
	}
	switch t.Kind() {
	case reflect.Bool:
		return Bool
	case reflect.Int:
		return Whole
	case reflect.Float64:
		return Number
	}
	return Text
}

// Type is the word for the field's value in help texts.
func (f Field) Type() string {
	if f.Enum != nil {
		return strings.Join(f.Enum, "|")
	}
	if own, ok := reflect.New(f.elem()).Interface().(pflag.Value); ok {
		return own.Type()
	}
	return string(f.Kind())
}

func (f Field) elem() reflect.Type {
	if t := f.value.Type(); t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return f.value.Type()
}

// JSON is the value as a JSON or YAML file would hold it.
func (f Field) JSON() any {
	switch f.Kind() {
	case Bool, Whole, Number, List, Map:
		return reflect.Indirect(f.value).Interface()
	}
	return f.String()
}

// YAML is the line of a YAML file that sets the field to its value.
func (f Field) YAML() string {
	b, err := yaml.MarshalWithOptions(map[string]any{f.Key: f.JSON()}, yaml.Flow(true))
	if err != nil {
		panic("option: a field that cannot be encoded: " + err.Error())
	}
	// A flow mapping is the one form that takes one line whatever the value is.
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(b)), "{"), "}")
}

// Flags adds a flag for every field of ptr's struct. Help texts show the values
// of defaults, another struct of the same type, which may be ptr itself.
func Flags(fs *pflag.FlagSet, ptr, defaults any) {
	shown := Fields(defaults)
	for i, f := range Fields(ptr) {
		flag := fs.VarPF(f, f.Flag(), f.Short, f.Doc)
		flag.DefValue = shown[i].String()
		if f.Type() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
