package onnx

import (
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// value hands t to the library. The caller destroys the result.
func value(t Tensor) (ort.Value, error) {
	switch data := t.Data.(type) {
	case []bool:
		return numeric(t.Shape, data)
	case []int8:
		return numeric(t.Shape, data)
	case []int16:
		return numeric(t.Shape, data)
	case []int32:
		return numeric(t.Shape, data)
	case []int64:
		return numeric(t.Shape, data)
	case []uint8:
		return numeric(t.Shape, data)
	case []uint16:
		return numeric(t.Shape, data)
	case []uint32:
		return numeric(t.Shape, data)
	case []uint64:
		return numeric(t.Shape, data)
	case []float32:
		return numeric(t.Shape, data)
	case []float64:
		return numeric(t.Shape, data)
	case []string:
		return text(t.Shape, data)
	}
	return nil, fmt.Errorf("input %q: elements of type %T", t.Name, t.Data)
}

func numeric[T ort.TensorData](shape []int64, data []T) (ort.Value, error) {
	if len(shape) == 0 {
		return ort.NewScalar(data[0])
	}
	return ort.NewTensor(ort.Shape(shape), data)
}

func text(shape []int64, data []string) (ort.Value, error) {
	v, err := ort.NewStringTensor(ort.Shape(shape))
	if err != nil {
		return nil, err
	}
	if err := v.SetContents(data); err != nil {
		_ = v.Destroy()
		return nil, err
	}
	return v, nil
}

// tensor copies what the library gave.
func tensor(info Info, v ort.Value) (Tensor, error) {
	t := Tensor{Name: info.Name, Type: info.Type, Shape: slices.Clone(v.GetShape())}
	switch v := v.(type) {
	case *ort.StringTensor:
		contents, err := v.GetContents()
		t.Data = contents
		return t, err
	default:
		data, ok := elements(v)
		if !ok {
			return t, fmt.Errorf("output %q: the library gave a %T", info.Name, v)
		}
		t.Data = data
	}
	return t, nil
}

// elements are a numeric value's, which are in Go's memory and outlive it.
func elements(v ort.Value) (data any, ok bool) {
	switch v := v.(type) {
	case holder[bool]:
		return v.GetData(), true
	case holder[int8]:
		return v.GetData(), true
	case holder[int16]:
		return v.GetData(), true
	case holder[int32]:
		return v.GetData(), true
	case holder[int64]:
		return v.GetData(), true
	case holder[uint8]:
		return v.GetData(), true
	case holder[uint16]:
		return v.GetData(), true
	case holder[uint32]:
		return v.GetData(), true
	case holder[uint64]:
		return v.GetData(), true
	case holder[float32]:
		return v.GetData(), true
	case holder[float64]:
		return v.GetData(), true
	}
	return scalar(v)
}

// holder is an ort.Tensor of T.
type holder[T any] interface{ GetData() []T }

// single is an ort.Scalar of T.
type single[T any] interface{ GetData() T }

func scalar(v ort.Value) (data any, ok bool) {
	switch v := v.(type) {
	case single[bool]:
		return []bool{v.GetData()}, true
	case single[int8]:
		return []int8{v.GetData()}, true
	case single[int16]:
		return []int16{v.GetData()}, true
	case single[int32]:
		return []int32{v.GetData()}, true
	case single[int64]:
		return []int64{v.GetData()}, true
	case single[uint8]:
		return []uint8{v.GetData()}, true
	case single[uint16]:
		return []uint16{v.GetData()}, true
	case single[uint32]:
		return []uint32{v.GetData()}, true
	case single[uint64]:
		return []uint64{v.GetData()}, true
	case single[float32]:
		return []float32{v.GetData()}, true
	case single[float64]:
		return []float64{v.GetData()}, true
	}
	return nil, false
}

// emptyScalar is where the library may put a scalar result, which it cannot
// allocate through this binding.
func emptyScalar(t DataType) (ort.Value, error) {
	switch t {
	case Bool:
		return ort.NewEmptyScalar[bool]()
	case Int8:
		return ort.NewEmptyScalar[int8]()
	case Int16:
		return ort.NewEmptyScalar[int16]()
	case Int32:
		return ort.NewEmptyScalar[int32]()
	case Int64:
		return ort.NewEmptyScalar[int64]()
	case Uint8:
		return ort.NewEmptyScalar[uint8]()
	case Uint16:
		return ort.NewEmptyScalar[uint16]()
	case Uint32:
		return ort.NewEmptyScalar[uint32]()
	case Uint64:
		return ort.NewEmptyScalar[uint64]()
	case FP32:
		return ort.NewEmptyScalar[float32]()
	case FP64:
		return ort.NewEmptyScalar[float64]()
	}
	return nil, fmt.Errorf("a scalar of type %s", t)
}
