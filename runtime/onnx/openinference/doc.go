// Package openinference serves a model by the Open Inference Protocol (KServe
// V2) in its JSON form.
//
// Floating-point results that JSON has no numbers for are the strings "NaN",
// "Infinity" and "-Infinity", as in protocol buffers' JSON. The binary tensor
// extension is refused with an error that says so.
package openinference
