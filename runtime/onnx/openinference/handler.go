package openinference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/onnx"
)

// Runner is what the protocol needs of a model.
type Runner interface {
	// Run computes every output from inputs in the model's order.
	Run(ctx context.Context, inputs []onnx.Tensor) ([]onnx.Tensor, error)
}

// Model is what is served.
type Model struct {
	Name    string
	Inputs  []onnx.Info
	Outputs []onnx.Info
	Runner  Runner
}

// maxBody bounds a request: a batch of images, not a data set.
const maxBody = 64 << 20

// Server identifies the program in the protocol's metadata.
type Server struct {
	Name    string
	Version string
}

// failure is an error with its HTTP status.
type failure struct {
	status  int
	message string
}

func (f *failure) Error() string { return f.message }

func refuse(format string, args ...any) error {
	return &failure{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// Handler serves m. A model is loaded before it is served, so that whoever gets
// an answer at all has a server that is ready.
func Handler(m Model, server Server, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	always := func(body any) func(*http.Request) (any, error) {
		return func(*http.Request) (any, error) { return body, nil }
	}
	ofModel := func(do func(*http.Request) (any, error)) func(*http.Request) (any, error) {
		return func(r *http.Request) (any, error) {
			if name := r.PathValue("model"); name != m.Name {
				return nil, &failure{http.StatusNotFound, fmt.Sprintf("model %.100q is not here; this server has %q", name, m.Name)}
			}
			return do(r)
		}
	}
	routes := []struct {
		pattern string
		do      func(*http.Request) (any, error)
	}{
		{"GET /v2", always(map[string]any{"name": server.Name, "version": server.Version, "extensions": []string{}})},
		{"GET /v2/health/live", always(map[string]bool{"live": true})},
		{"GET /v2/health/ready", always(map[string]bool{"ready": true})},
		{"GET /v2/models/{model}", ofModel(always(describe(m)))},
		{"GET /v2/models/{model}/ready", ofModel(always(map[string]any{"name": m.Name, "ready": true}))},
		{"POST /v2/models/{model}/infer", ofModel(func(r *http.Request) (any, error) { return infer(m, r) })},
	}
	for _, route := range routes {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer(w, r, log, route.do)
		})
	}
	return mux
}

func answer(w http.ResponseWriter, r *http.Request, log *slog.Logger, do func(*http.Request) (any, error)) {
	status := http.StatusOK
	body, err := do(r)
	var known *failure
	switch {
	case errors.As(err, &known):
		status, body = known.status, message(known.message)
	case r.Context().Err() != nil:
		return // the caller left
	case err != nil:
		log.Error("inference failed", "error", err)
		status, body = http.StatusInternalServerError, message("the model failed: "+rouse.ClipTo(err.Error(), 1000))
	}
	b, err := json.Marshal(body)
	if err != nil {
		log.Error("encoding an answer", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a caller that left is nobody's error
}

func message(text string) map[string]string { return map[string]string{"error": text} }

// tensorInfo is an input or output in metadata.
type tensorInfo struct {
	Name     string        `json:"name"`
	Datatype onnx.DataType `json:"datatype"`
	Shape    []int64       `json:"shape"`
}

func describe(m Model) any {
	list := func(infos []onnx.Info) []tensorInfo {
		made := make([]tensorInfo, len(infos))
		for i, info := range infos {
			made[i] = tensorInfo{info.Name, info.Type, info.Shape}
		}
		return made
	}
	return struct {
		Name     string       `json:"name"`
		Platform string       `json:"platform"`
		Inputs   []tensorInfo `json:"inputs"`
		Outputs  []tensorInfo `json:"outputs"`
	}{m.Name, "onnxruntime_onnx", list(m.Inputs), list(m.Outputs)}
}
