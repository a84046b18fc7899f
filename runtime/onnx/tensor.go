package onnx

import (
	"fmt"
	"math"

	ort "github.com/yalue/onnxruntime_go"
)

// DataType is the type of a tensor's elements, in the words of the Open
// Inference Protocol.
type DataType string

// The types that models may take and give.
const (
	Bool   DataType = "BOOL"
	Int8   DataType = "INT8"
	Int16  DataType = "INT16"
	Int32  DataType = "INT32"
	Int64  DataType = "INT64"
	Uint8  DataType = "UINT8"
	Uint16 DataType = "UINT16"
	Uint32 DataType = "UINT32"
	Uint64 DataType = "UINT64"
	FP32   DataType = "FP32"
	FP64   DataType = "FP64"
	Bytes  DataType = "BYTES" // strings
)

var dataTypes = map[ort.TensorElementDataType]DataType{
	ort.TensorElementDataTypeBool:   Bool,
	ort.TensorElementDataTypeInt8:   Int8,
	ort.TensorElementDataTypeInt16:  Int16,
	ort.TensorElementDataTypeInt32:  Int32,
	ort.TensorElementDataTypeInt64:  Int64,
	ort.TensorElementDataTypeUint8:  Uint8,
	ort.TensorElementDataTypeUint16: Uint16,
	ort.TensorElementDataTypeUint32: Uint32,
	ort.TensorElementDataTypeUint64: Uint64,
	ort.TensorElementDataTypeFloat:  FP32,
	ort.TensorElementDataTypeDouble: FP64,
	ort.TensorElementDataTypeString: Bytes,
}

// Tensor is a named array. Data is a slice of the Go type of its DataType
// ([]bool, []int8 … []float64, []string), row by row; a scalar has an empty
// shape and one element.
type Tensor struct {
	Name  string
	Type  DataType
	Shape []int64
	Data  any
}

// Info describes a model's input or output. A dimension of -1 may have any size;
// an empty shape is a scalar's or an unknown one.
type Info struct {
	Name  string
	Type  DataType
	Shape []int64
}

// Accepts says why a tensor of type t and shape cannot be this input.
func (in Info) Accepts(t DataType, shape []int64) error {
	if t != in.Type {
		return fmt.Errorf("input %q: datatype %s, the model takes %s", in.Name, t, in.Type)
	}
	if len(in.Shape) == 0 {
		return nil // a scalar or of unknown rank: the library can tell
	}
	fits := len(shape) == len(in.Shape)
	for i := 0; fits && i < len(shape); i++ {
		fits = in.Shape[i] < 0 || in.Shape[i] == shape[i]
	}
	if !fits {
		return fmt.Errorf("input %q: shape %v, the model takes %v", in.Name, shape, in.Shape)
	}
	return nil
}

// Elements is how many elements a tensor of this shape has.
func Elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v: a dimension is negative", shape)
		}
		if d != 0 && n > math.MaxInt32/d {
			return 0, fmt.Errorf("shape %v: too many elements", shape)
		}
		n *= d
	}
	return n, nil
}
