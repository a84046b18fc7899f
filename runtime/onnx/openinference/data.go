package openinference

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rousehq/rouse/runtime/onnx"
)

// parse reads a tensor's elements, which may be one flat list or lists within
// lists, into a slice of the type's own.
func parse(t onnx.DataType, shape []int64, raw json.RawMessage) (any, error) {
	want, err := onnx.Elements(shape)
	if err != nil {
		return nil, err
	}
	flat, err := flatten(raw)
	if err != nil {
		return nil, err
	}
	switch t {
	case onnx.Bool:
		return list[bool](flat, want)
	case onnx.Int8:
		return list[int8](flat, want)
	case onnx.Int16:
		return list[int16](flat, want)
	case onnx.Int32:
		return list[int32](flat, want)
	case onnx.Int64:
		return list[int64](flat, want)
	case onnx.Uint8:
		return list[uint8](flat, want)
	case onnx.Uint16:
		return list[uint16](flat, want)
	case onnx.Uint32:
		return list[uint32](flat, want)
	case onnx.Uint64:
		return list[uint64](flat, want)
	case onnx.FP32:
		return list[float32](flat, want)
	case onnx.FP64:
		return list[float64](flat, want)
	case onnx.Bytes:
		return list[string](flat, want)
	}
	return nil, fmt.Errorf("datatype %.40q is unknown", t)
}

func list[T any](flat []byte, want int64) ([]T, error) {
	var elements []T
	if err := json.Unmarshal(flat, &elements); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, fmt.Errorf("data: %s is not of the input's datatype", wrong.Value)
		}
		return nil, fmt.Errorf("data: %w", err)
	}
	if int64(len(elements)) != want {
		return nil, fmt.Errorf("data has %d elements, its shape means %d", len(elements), want)
	}
	return elements, nil
}

// flatten removes the inner brackets of lists within lists. It refuses null,
// which would be read as zero.
func flatten(raw []byte) ([]byte, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, errors.New("data: must be a list")
	}
	flat := make([]byte, 0, len(raw)+2)
	flat = append(flat, '[')
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			flat = append(flat, c)
			i++ // raw is valid JSON: something follows
			flat = append(flat, raw[i])
		case c == '"':
			quoted = !quoted
			flat = append(flat, c)
		case !quoted && (c == '[' || c == ']'):
		case !quoted && c == 'n':
			return nil, errors.New("data: null is not an element")
		default:
			flat = append(flat, c)
		}
	}
	return append(flat, ']'), nil
}

// jsonData makes elements encodable: package json writes bytes in base64 and
// refuses what is not a number.
func jsonData(data any) any {
	switch data := data.(type) {
	case []uint8:
		wide := make([]uint16, len(data))
		for i, b := range data {
			wide[i] = uint16(b)
		}
		return wide
	case []float32:
		for _, f := range data {
			if odd(float64(f)) {
				return named(data)
			}
		}
	case []float64:
		if slices.ContainsFunc(data, odd) {
			return named(data)
		}
	}
	return data
}

func odd(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }

func named[T float32 | float64](data []T) []any {
	made := make([]any, len(data))
	for i, f := range data {
		switch v := float64(f); {
		case math.IsNaN(v):
			made[i] = "NaN"
		case math.IsInf(v, 1):
			made[i] = "Infinity"
		case math.IsInf(v, -1):
			made[i] = "-Infinity"
		default:
			made[i] = f
		}
	}
	return made
}
