package openinference

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/onnx"
)

// inferRequest is the protocol's; parameters that mean nothing here are ignored,
// as it asks.
type inferRequest struct {
	ID     string `json:"id"`
	Inputs []struct {
		Name       string          `json:"name"`
		Shape      []int64         `json:"shape"`
		Datatype   onnx.DataType   `json:"datatype"`
		Data       json.RawMessage `json:"data"`
		Parameters struct {
			BinarySize *int64 `json:"binary_data_size"`
		} `json:"parameters"`
	} `json:"inputs"`
	Outputs []struct {
		Name string `json:"name"`
	} `json:"outputs"`
}

type inferResponse struct {
	Model   string      `json:"model_name"`
	ID      string      `json:"id,omitempty"`
	Outputs []outTensor `json:"outputs"`
}

type outTensor struct {
	Name     string        `json:"name"`
	Datatype onnx.DataType `json:"datatype"`
	Shape    []int64       `json:"shape"`
	Data     any           `json:"data"`
}

func infer(m Model, r *http.Request) (any, error) {
	if r.Header.Get("Inference-Header-Content-Length") != "" {
		return nil, refuse("the binary tensor extension is not supported; send JSON (tritonclient: binary_data=False)")
	}
	var req inferRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, &failure{http.StatusRequestEntityTooLarge, "the request is larger than 64 MB"}
		}
		return nil, refuse("the request is not JSON of the Open Inference Protocol: %s", err)
	}
	inputs, err := arrange(m, &req)
	if err != nil {
		return nil, err
	}
	wanted, err := choose(m, &req)
	if err != nil {
		return nil, err
	}
	outputs, err := m.Runner.Run(r.Context(), inputs)
	if err != nil {
		return nil, err
	}
	res := inferResponse{Model: m.Name, ID: req.ID, Outputs: make([]outTensor, len(wanted))}
	for i, at := range wanted {
		out := outputs[at]
		res.Outputs[i] = outTensor{out.Name, out.Type, shapeOf(out), jsonData(out.Data)}
	}
	return res, nil
}

func shapeOf(t onnx.Tensor) []int64 {
	if t.Shape == nil {
		return []int64{}
	}
	return t.Shape
}

// arrange puts the request's inputs into the model's order.
func arrange(m Model, req *inferRequest) ([]onnx.Tensor, error) {
	inputs := make([]onnx.Tensor, len(m.Inputs))
	given := make([]bool, len(m.Inputs))
	for _, in := range req.Inputs {
		at := index(m.Inputs, in.Name)
		switch {
		case at < 0:
			return nil, refuse("input %.100q: the model has no such input; it takes %s", in.Name, listed(m.Inputs))
		case given[at]:
			return nil, refuse("input %q: given twice", in.Name)
		case in.Parameters.BinarySize != nil:
			return nil, refuse("input %q: binary data is not supported; send it as JSON", in.Name)
		}
		given[at] = true
		if err := m.Inputs[at].Accepts(in.Datatype, in.Shape); err != nil {
			return nil, refuse("%s", rouse.ClipTo(err.Error(), 500))
		}
		data, err := parse(in.Datatype, in.Shape, in.Data)
		if err != nil {
			return nil, refuse("input %q: %s", in.Name, rouse.ClipTo(err.Error(), 500))
		}
		inputs[at] = onnx.Tensor{Name: in.Name, Type: in.Datatype, Shape: in.Shape, Data: data}
	}
	for i, ok := range given {
		if !ok {
			return nil, refuse("input %q: missing", m.Inputs[i].Name)
		}
	}
	return inputs, nil
}

// choose finds the outputs that the request names; none named means all.
func choose(m Model, req *inferRequest) ([]int, error) {
	wanted := make([]int, 0, len(m.Outputs))
	for _, out := range req.Outputs {
		at := index(m.Outputs, out.Name)
		if at < 0 {
			return nil, refuse("output %.100q: the model has no such output; it gives %s", out.Name, listed(m.Outputs))
		}
		wanted = append(wanted, at)
	}
	if len(req.Outputs) == 0 {
		for i := range m.Outputs {
			wanted = append(wanted, i)
		}
	}
	return wanted, nil
}

func index(infos []onnx.Info, name string) int {
	for i, info := range infos {
		if info.Name == name {
			return i
		}
	}
	return -1
}

func listed(infos []onnx.Info) string {
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	return strings.Join(names, ", ")
}
