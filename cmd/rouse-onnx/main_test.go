package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse/runtime/onnx"
)

// environment finds the library as the program would, or in the images' cache.
func environment(t *testing.T) func(string) string {
	t.Helper()
	if _, err := onnx.FindLibrary(); err != nil {
		found, _ := filepath.Glob("../../.cache/onnxruntime-*/libonnxruntime.so")
		if len(found) == 0 {
			cache, err := os.UserCacheDir()
			if err != nil {
				t.Skip(err)
			}
			found, _ = filepath.Glob(filepath.Join(cache, "rouse-test", "onnxruntime-*", "onnxruntime", "capi", "libonnxruntime.so.*"))
		}
		if len(found) == 0 {
			t.Skip("no onnxruntime here; images/build.sh onnx fetches it")
		}
		t.Setenv(onnx.LibraryVar, found[0])
	}
	return func(name string) string { return map[string]string{"K_SERVICE": "digits", "PORT": "0"}[name] }
}

func TestItReadsAHandwrittenDigitAndStopsWhenAsked(t *testing.T) {
	getenv := environment(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--model", "../../examples/digits/digits.onnx"}, getenv, func(a net.Addr) { address <- a })
	}()
	var base string
	select {
	case a := <-address:
		base = "http://" + a.String()
	case err := <-ended:
		t.Fatal(err)
	}
	body, err := os.Open("../../examples/digits/seven.json")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(base+"/v2/models/digits/infer", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		ID      string
		Outputs []struct {
			Name string
			Data []float64
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.ID != "a seven" || len(answer.Outputs) != 2 || answer.Outputs[0].Data[0] != 7 || answer.Outputs[1].Data[7] < 0.5 {
		t.Errorf("answer %+v", answer)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	getenv := environment(t)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a flag":      {[]string{"--nope"}, "nope"},
		"an argument": {[]string{"model.onnx"}, `unexpected argument "model.onnx"`},
		"threads":     {[]string{"--threads", "-1"}, "must not be negative"},
		"no model":    {[]string{"--model", "/does/not/exist.onnx"}, "/does/not/exist.onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), c.args, getenv, func(net.Addr) {})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}
