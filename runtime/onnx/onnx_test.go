package onnx_test

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/rousehq/rouse/runtime/onnx"
)

func load(t *testing.T, file string) *onnx.Model {
	t.Helper()
	needLibrary(t)
	m, err := onnx.Load(file, onnx.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestEveryTypePassesThrough(t *testing.T) {
	for _, c := range []struct {
		elem int64 // TensorProto.DataType
		kind onnx.DataType
		data any
	}{
		{9, onnx.Bool, []bool{true, false}},
		{3, onnx.Int8, []int8{-128, 127}},
		{5, onnx.Int16, []int16{math.MinInt16, math.MaxInt16}},
		{6, onnx.Int32, []int32{math.MinInt32, math.MaxInt32}},
		{7, onnx.Int64, []int64{math.MinInt64, math.MaxInt64}},
		{2, onnx.Uint8, []uint8{0, 255}},
		{4, onnx.Uint16, []uint16{0, math.MaxUint16}},
		{12, onnx.Uint32, []uint32{0, math.MaxUint32}},
		{13, onnx.Uint64, []uint64{0, math.MaxUint64}},
		{1, onnx.FP32, []float32{-1.5, math.MaxFloat32}},
		{11, onnx.FP64, []float64{-1.5, math.MaxFloat64}},
		{8, onnx.Bytes, []string{"", "grüße"}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			m := load(t, model(t, node("Identity", []string{"x"}, "y"), valueInfo(11, "x", c.elem, -1, 2), valueInfo(12, "y", c.elem, -1, 2)))
			want := onnx.Info{Name: "x", Type: c.kind, Shape: []int64{-1, 2}}
			if !reflect.DeepEqual(m.Inputs, []onnx.Info{want}) {
				t.Errorf("inputs %v, want %v", m.Inputs, want)
			}
			out, err := m.Run(t.Context(), []onnx.Tensor{{Name: "x", Type: c.kind, Shape: []int64{1, 2}, Data: c.data}})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(out, []onnx.Tensor{{Name: "y", Type: c.kind, Shape: []int64{1, 2}, Data: c.data}}) {
				t.Errorf("gave %+v", out)
			}
		})
	}
}

func TestScalarsGoInAndOut(t *testing.T) {
	m := load(t, model(t, node("Add", []string{"a", "b"}, "sum"),
		valueInfo(11, "a", 1), valueInfo(11, "b", 1), valueInfo(12, "sum", 1)))
	for range 2 { // the second time it is known
		out, err := m.Run(t.Context(), []onnx.Tensor{
			{Name: "a", Type: onnx.FP32, Shape: []int64{}, Data: []float32{1.5}},
			{Name: "b", Type: onnx.FP32, Shape: []int64{}, Data: []float32{2}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 1 || !reflect.DeepEqual(out[0].Data, []float32{3.5}) || len(out[0].Shape) != 0 {
			t.Errorf("gave %+v", out)
		}
	}
}

func TestAnEmptyBatchIsNotAnError(t *testing.T) {
	m := load(t, model(t, node("Identity", []string{"x"}, "y"), valueInfo(11, "x", 1, -1, 2), valueInfo(12, "y", 1, -1, 2)))
	out, err := m.Run(t.Context(), []onnx.Tensor{{Name: "x", Type: onnx.FP32, Shape: []int64{0, 2}, Data: []float32{}}})
	if err != nil || len(out) != 1 || !reflect.DeepEqual(out[0].Shape, []int64{0, 2}) {
		t.Errorf("gave %+v, %v", out, err)
	}
}

func TestRunsAtTheSameTimeDoNotMix(t *testing.T) {
	m := load(t, model(t, node("Mul", []string{"x", "x"}, "y"), valueInfo(11, "x", 1, -1), valueInfo(12, "y", 1, -1)))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				x := float32(i)
				out, err := m.Run(t.Context(), []onnx.Tensor{{Name: "x", Type: onnx.FP32, Shape: []int64{2}, Data: []float32{x, -x}}})
				if err != nil || !reflect.DeepEqual(out[0].Data, []float32{x * x, x * x}) {
					t.Errorf("%v gave %v, %v", x, out, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestACancelledRunEnds(t *testing.T) {
	m := load(t, model(t, node("Identity", []string{"x"}, "y"), valueInfo(11, "x", 1, -1), valueInfo(12, "y", 1, -1)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Run(ctx, []onnx.Tensor{{Name: "x", Type: onnx.FP32, Shape: []int64{1}, Data: []float32{1}}})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoModelIsRefused(t *testing.T) {
	needLibrary(t)
	garbage := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(garbage, []byte("not a model"), 0o644); err != nil {
		t.Fatal(err)
	}
	unknown := model(t, node("Identity", []string{"x"}, "y"), valueInfo(11, "x", 10, 1), valueInfo(12, "y", 10, 1))
	for name, c := range map[string]struct{ file, says string }{
		"garbage":      {garbage, "reading the model"},
		"missing":      {filepath.Join(t.TempDir(), "none.onnx"), "reading the model"},
		"a half float": {unknown, `input "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := onnx.Load(c.file, onnx.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestAnInputSaysWhatItTakes(t *testing.T) {
	in := onnx.Info{Name: "image", Type: onnx.FP32, Shape: []int64{-1, 64}}
	for _, c := range []struct {
		kind  onnx.DataType
		shape []int64
		says  string
	}{
		{onnx.FP32, []int64{5, 64}, ""},
		{onnx.FP64, []int64{5, 64}, "datatype FP64, the model takes FP32"},
		{onnx.FP32, []int64{5, 63}, "shape [5 63], the model takes [-1 64]"},
		{onnx.FP32, []int64{64}, "shape [64], the model takes [-1 64]"},
	} {
		err := in.Accepts(c.kind, c.shape)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: error %v, want %q", c.kind, c.shape, err, c.says)
		}
	}
}

// An old library is one that knows no API as new as ours.
func TestAnOldLibraryIsNamedWithTheNeededVersion(t *testing.T) {
	if os.Getenv("ROUSE_TEST_OLD_LIBRARY") != "" {
		err := onnx.OpenLibrary(os.Getenv("ROUSE_TEST_OLD_LIBRARY"))
		if err == nil || !strings.Contains(err.Error(), "onnxruntime 1.9.2, but onnxruntime 1.24 or later") {
			t.Errorf("error %v", err)
		}
		return
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "old.c")
	code := `typedef struct { const void *(*api)(unsigned); const char *(*version)(void); } Base;
static const void *api(unsigned v) { return 0; }
static const char *version(void) { return "1.9.2"; }
static const Base base = { api, version };
const Base *OrtGetApiBase(void) { return &base; }
`
	if err := os.WriteFile(source, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(dir, "libonnxruntime.so.1.9.2")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc, which cgo needs too: %v\n%s", err, out)
	}
	// A process of its own: the binding can be set up once.
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "ROUSE_TEST_OLD_LIBRARY="+library)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
