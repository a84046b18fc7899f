package onnx_test

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rousehq/rouse/runtime/onnx"
)

// The wire format of protocol buffers, as far as small models need it.

func tag(field, kind int) []byte { return binary.AppendUvarint(nil, uint64(field)<<3|uint64(kind)) }

func number(field int, v int64) []byte { return binary.AppendUvarint(tag(field, 0), uint64(v)) }

func bytesOf(field int, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return append(binary.AppendUvarint(tag(field, 2), uint64(len(all))), all...)
}

func text(field int, s string) []byte { return bytesOf(field, []byte(s)) }

// valueInfo describes an input or output; a dimension of -1 is dynamic.
func valueInfo(field int, name string, elem int64, shape ...int64) []byte {
	var dims []byte
	for _, d := range shape {
		if d < 0 {
			dims = append(dims, bytesOf(1, text(2, "n"))...)
		} else {
			dims = append(dims, bytesOf(1, number(1, d))...)
		}
	}
	return bytesOf(field, text(1, name), bytesOf(2, bytesOf(1, number(1, elem), bytesOf(2, dims))))
}

func node(op string, in []string, out string) []byte {
	var b []byte
	for _, name := range in {
		b = append(b, text(1, name)...)
	}
	return bytesOf(1, b, text(2, out), text(4, op))
}

// model is an ONNX file with the given parts of a graph.
func model(t *testing.T, parts ...[]byte) string {
	t.Helper()
	graph := bytesOf(7, append([][]byte{text(2, "test")}, parts...)...)
	file := filepath.Join(t.TempDir(), "model.onnx")
	b := append(append(number(1, 8), graph...), bytesOf(8, text(1, ""), number(2, 13))...)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

var opened = sync.OnceValues(func() (string, error) {
	path, err := library()
	if err == nil {
		err = onnx.OpenLibrary(path)
	}
	return path, err
})

// needLibrary opens onnxruntime, which it takes from where the program would,
// from the images' cache, or out of its Python wheel.
func needLibrary(t *testing.T) {
	t.Helper()
	if _, err := opened(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func library() (string, error) {
	if path, err := onnx.FindLibrary(); err == nil {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "rouse-test", "onnxruntime-1.24.4")
	for _, pattern := range []string{"../../.cache/onnxruntime-*/libonnxruntime.so", dir + "/onnxruntime/capi/libonnxruntime.so.*"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return filepath.Abs(found[0])
		}
	}
	cmd := exec.CommandContext(context.Background(), "python3", "-m", "pip", "install", "-q", "--no-deps", "--target", dir, "onnxruntime==1.24.4")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	found, err := filepath.Glob(dir + "/onnxruntime/capi/libonnxruntime.so.*")
	if err != nil || len(found) == 0 {
		return "", os.ErrNotExist
	}
	return found[0], nil
}
