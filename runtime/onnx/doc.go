// Package onnx runs ONNX models in process, through the onnxruntime shared
// library, which it opens at run time.
//
// It knows sessions and tensors. Protocols are folders below, which turn
// requests into tensors and back. Memory that a model used does not come back
// while the process lives: the end of the process is the unload.
package onnx
