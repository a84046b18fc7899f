package openinference

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rousehq/rouse/runtime/onnx"
)

// fake is a model that gives back what it was given, in reverse order.
type fake struct {
	got []onnx.Tensor
	err error
}

func (f *fake) Run(_ context.Context, inputs []onnx.Tensor) ([]onnx.Tensor, error) {
	f.got = inputs
	if f.err != nil {
		return nil, f.err
	}
	return []onnx.Tensor{
		{Name: "floats", Type: onnx.FP32, Shape: []int64{3}, Data: []float32{1.5, float32(math.NaN()), float32(math.Inf(-1))}},
		{Name: "bytes", Type: onnx.Uint8, Shape: []int64{2}, Data: []uint8{1, 255}},
		{Name: "scalar", Type: onnx.Int64, Data: []int64{7}},
	}, nil
}

func serveFake(t *testing.T, f *fake) *httptest.Server {
	t.Helper()
	m := Model{
		Name:    "m",
		Inputs:  []onnx.Info{{Name: "a", Type: onnx.FP32, Shape: []int64{-1, 2}}, {Name: "b", Type: onnx.Bytes, Shape: []int64{1}}},
		Outputs: []onnx.Info{{Name: "floats", Type: onnx.FP32, Shape: []int64{3}}, {Name: "bytes", Type: onnx.Uint8, Shape: []int64{2}}, {Name: "scalar", Type: onnx.Int64, Shape: []int64{}}},
		Runner:  f,
	}
	s := httptest.NewServer(Handler(m, Server{"test", "1"}, slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, s *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

const (
	a = `{"name":"a","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4.5]]}`
	b = `{"name":"b","shape":[1],"datatype":"BYTES","data":["[x, \"y\"] null"]}`
)

func TestInferTakesInputsInAnyOrder(t *testing.T) {
	f := &fake{}
	s := serveFake(t, f)
	status, body := ask(t, s, "POST", "/v2/models/m/infer", `{"id":"7","inputs":[`+b+`,`+a+`]}`)
	want := `{"model_name":"m","id":"7","outputs":[` +
		`{"name":"floats","datatype":"FP32","shape":[3],"data":[1.5,"NaN","-Infinity"]},` +
		`{"name":"bytes","datatype":"UINT8","shape":[2],"data":[1,255]},` +
		`{"name":"scalar","datatype":"INT64","shape":[],"data":[7]}]}`
	if status != 200 || body != want {
		t.Errorf("%d %s\nwant %s", status, body, want)
	}
	floats, ok := f.got[0].Data.([]float32)
	if !ok || len(floats) != 4 || floats[3] != 4.5 {
		t.Errorf("the model got %v", f.got[0])
	}
	if text, ok := f.got[1].Data.([]string); !ok || text[0] != `[x, "y"] null` {
		t.Errorf("the model got %v", f.got[1])
	}
}

func TestInferGivesTheOutputsThatWereAskedFor(t *testing.T) {
	s := serveFake(t, &fake{})
	status, body := ask(t, s, "POST", "/v2/models/m/infer", `{"inputs":[`+a+`,`+b+`],"outputs":[{"name":"scalar"}]}`)
	if status != 200 || body != `{"model_name":"m","outputs":[{"name":"scalar","datatype":"INT64","shape":[],"data":[7]}]}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestBadRequestsSayWhatIsWrong(t *testing.T) {
	s := serveFake(t, &fake{})
	input := func(shape, datatype, data string) string {
		return `{"inputs":[{"name":"a","shape":` + shape + `,"datatype":"` + datatype + `","data":` + data + `},` + b + `]}`
	}
	for name, c := range map[string]struct {
		body string
		says string
	}{
		"not JSON":          {`{`, "not JSON"},
		"no inputs":         {`{}`, `input \"a\": missing`},
		"one input missing": {`{"inputs":[` + a + `]}`, `input \"b\": missing`},
		"an unknown input":  {`{"inputs":[{"name":"z"}]}`, "it takes a, b"},
		"an input twice":    {`{"inputs":[` + a + `,` + a + `]}`, "given twice"},
		"an unknown output": {`{"inputs":[` + a + `,` + b + `],"outputs":[{"name":"z"}]}`, "it gives floats, bytes, scalar"},
		"another datatype":  {input("[1,2]", "FP64", "[1,2]"), "the model takes FP32"},
		"another shape":     {input("[2]", "FP32", "[1,2]"), "the model takes [-1 2]"},
		"a negative shape":  {input("[-1,2]", "FP32", "[1,2]"), "negative"},
		"a huge shape":      {input("[4611686018427387904,2]", "FP32", "[1,2]"), "too many elements"},
		"too few elements":  {input("[2,2]", "FP32", "[1,2]"), "data has 2 elements, its shape means 4"},
		"a string":          {input("[1,2]", "FP32", `[1,"2"]`), "string is not of the input's datatype"},
		"null":              {input("[1,2]", "FP32", `[1,null]`), "null is not an element"},
		"no list":           {input("[1,2]", "FP32", `5`), "must be a list"},
		"no data":           {`{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32"},` + b + `]}`, "must be a list"},
		"binary data":       {`{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}},` + b + `]}`, "binary data is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, s, "POST", "/v2/models/m/infer", c.body)
			if status != 400 || !strings.Contains(body, c.says) {
				t.Errorf("%d %s, want 400 with %q", status, body, c.says)
			}
		})
	}
}

func TestMetadataAndHealth(t *testing.T) {
	s := serveFake(t, &fake{})
	for path, want := range map[string]string{
		"/v2":              `"name":"test"`,
		"/v2/health/live":  `{"live":true}`,
		"/v2/health/ready": `{"ready":true}`,
		"/v2/models/m":     `"inputs":[{"name":"a","datatype":"FP32","shape":[-1,2]}`,
	} {
		if status, body := ask(t, s, "GET", path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	if status, body := ask(t, s, "GET", "/v2/models/other", ""); status != 404 || !strings.Contains(body, `this server has \"m\"`) {
		t.Errorf("another model: %d %s", status, body)
	}
}

func TestAModelThatFailsIsAServerError(t *testing.T) {
	s := serveFake(t, &fake{err: errors.New("shapes do not match")})
	status, body := ask(t, s, "POST", "/v2/models/m/infer", `{"inputs":[`+a+`,`+b+`]}`)
	if status != 500 || !strings.Contains(body, "shapes do not match") {
		t.Errorf("%d %s", status, body)
	}
}

// Whatever is accepted has as many elements as its shape says.
func FuzzParse(f *testing.F) {
	f.Add(`[[1,2],[3,4]]`, int64(4))
	f.Add(`["a","]\"["]`, int64(2))
	f.Add(`[true,[],null]`, int64(1))
	types := []onnx.DataType{onnx.Bool, onnx.Int8, onnx.Uint8, onnx.Int64, onnx.FP32, onnx.FP64, onnx.Bytes}
	f.Fuzz(func(t *testing.T, raw string, n int64) {
		if !json.Valid([]byte(raw)) {
			return // the request's decoder has refused it
		}
		for _, kind := range types {
			data, err := parse(kind, []int64{n}, json.RawMessage(raw))
			if err != nil {
				continue
			}
			if b, err := json.Marshal(jsonData(data)); err != nil {
				t.Errorf("%s: %s cannot be written back: %v", kind, b, err)
			}
			if flat, ok := data.([]float64); ok && int64(len(flat)) != n {
				t.Errorf("%d elements for a shape of %d", len(flat), n)
			}
		}
	})
}
