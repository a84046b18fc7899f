package onnx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"
)

// Model is a loaded model. Its methods are safe for concurrent use, except Close.
type Model struct {
	Inputs  []Info
	Outputs []Info // those that are tensors

	session *ort.DynamicAdvancedSession
	// scalars is set once the model has shown that an output without a shape is
	// a scalar.
	scalars atomic.Bool
}

// Options say how a model is run.
type Options struct {
	Threads int // for one operator; 0 means as many as this process may use
}

// Load reads a model from a file and blocks until it can run. OpenLibrary must
// have been called. The caller closes the model.
func Load(path string, o Options) (*Model, error) {
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0) // which follows the sandbox's CPU limit
	}
	options, err := sessionOptions(o)
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	ins, outs, err := ort.GetInputOutputInfoWithOptions(path, options)
	if err != nil {
		return nil, fmt.Errorf("reading the model: %w", err)
	}
	m := &Model{}
	for _, in := range ins {
		info, ok := describe(in)
		if !ok {
			return nil, fmt.Errorf("input %q: %s is not supported", in.Name, kind(in))
		}
		m.Inputs = append(m.Inputs, info)
	}
	for _, out := range outs {
		// Maps and sequences, which some exporters add, have no place in tensor
		// protocols; the model's other outputs do.
		if info, ok := describe(out); ok {
			m.Outputs = append(m.Outputs, info)
		}
	}
	if len(m.Inputs) == 0 || len(m.Outputs) == 0 {
		return nil, fmt.Errorf("the model has %d inputs and %d outputs that are tensors; it needs one of each", len(m.Inputs), len(m.Outputs))
	}
	m.session, err = ort.NewDynamicAdvancedSession(path, names(m.Inputs), names(m.Outputs), options)
	if err != nil {
		return nil, fmt.Errorf("loading the model: %w", err)
	}
	return m, nil
}

func sessionOptions(o Options) (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		options.SetIntraOpNumThreads(o.Threads),
		options.SetInterOpNumThreads(1),
		// Threads that spin would eat the CPU share of a sandbox that waits, and
		// the arena keeps memory that an idle model does not need.
		options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		options.SetCpuMemArena(false),
		options.SetMemPattern(false),
	)
	if err != nil {
		return nil, errors.Join(err, options.Destroy())
	}
	return options, nil
}

func describe(i ort.InputOutputInfo) (Info, bool) {
	t, known := dataTypes[i.DataType]
	if i.OrtValueType != ort.ONNXTypeTensor || !known {
		return Info{}, false
	}
	return Info{Name: i.Name, Type: t, Shape: append([]int64{}, i.Dimensions...)}, true
}

func kind(i ort.InputOutputInfo) string {
	if i.OrtValueType != ort.ONNXTypeTensor {
		return i.OrtValueType.String()
	}
	return i.DataType.String()
}

func names(infos []Info) []string {
	list := make([]string, len(infos))
	for i, info := range infos {
		list[i] = info.Name
	}
	return list
}

// Close frees the model. No Run may be going on.
func (m *Model) Close() error { return m.session.Destroy() }

// Run computes every output from inputs, which are given in the order of
// m.Inputs and have passed their Accepts. It blocks; when ctx ends, the
// computation is stopped and ctx's error is returned.
func (m *Model) Run(ctx context.Context, inputs []Tensor) ([]Tensor, error) {
	in := make([]ort.Value, 0, len(inputs))
	defer func() { destroy(in) }()
	for _, t := range inputs {
		v, err := value(t)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", t.Name, err)
		}
		in = append(in, v)
	}
	out, err := m.run(ctx, in)
	defer destroy(out)
	if err != nil {
		return nil, err
	}
	results := make([]Tensor, len(out))
	for i, v := range out {
		if results[i], err = tensor(m.Outputs[i], v); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (m *Model) run(ctx context.Context, in []ort.Value) ([]ort.Value, error) {
	options, err := ort.NewRunOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(terminated)
		_ = options.Terminate() // it cannot fail while options live
	})
	defer func() {
		if !stop() {
			<-terminated
		}
	}()
	out, err := m.places()
	if err != nil {
		return nil, err
	}
	err = m.session.RunWithOptions(in, out, options)
	if errors.Is(err, ort.ZeroShapeLengthError) && !m.scalars.Swap(true) {
		destroy(out)
		if out, err = m.places(); err == nil {
			err = m.session.RunWithOptions(in, out, options)
		}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out, err
}

// places are where outputs go; nil has the library allocate.
func (m *Model) places() ([]ort.Value, error) {
	out := make([]ort.Value, len(m.Outputs))
	if !m.scalars.Load() {
		return out, nil
	}
	for i, info := range m.Outputs {
		if len(info.Shape) > 0 || info.Type == Bytes {
			continue
		}
		v, err := emptyScalar(info.Type)
		if err != nil {
			destroy(out)
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// destroy frees what is there: beside an error the binding leaves nil pointers.
func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil && !reflect.ValueOf(v).IsNil() {
			_ = v.Destroy() // always nil for tensors
		}
	}
}
