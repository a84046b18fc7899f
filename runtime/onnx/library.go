package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// needsAPI is the C API that this build speaks. API n came with onnxruntime
// 1.n, and later libraries still have it.
const needsAPI = 24

// LibraryVar is the environment variable that names the shared library.
const LibraryVar = "ROUSE_ONNXRUNTIME"

// FindLibrary returns where the onnxruntime shared library is: what LibraryVar
// says, beside the program, or where systems keep libraries.
func FindLibrary() (string, error) {
	if path := os.Getenv(LibraryVar); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s names no file: %w", LibraryVar, err)
		}
		return path, nil
	}
	dirs := []string{"/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/opt/lib"}
	if self, err := os.Executable(); err == nil {
		dirs = append([]string{filepath.Dir(self)}, dirs...)
	}
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "libonnxruntime.so*"))
		if err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("libonnxruntime.so is in none of %s; install onnxruntime 1.%d or later, or name the file in %s",
		strings.Join(dirs, ", "), needsAPI, LibraryVar)
}

// OpenLibrary loads the shared library for the rest of the process's life,
// before any model is loaded. It is not for concurrent use; once a library is
// open it does nothing.
func OpenLibrary(path string) error {
	if ort.IsInitialized() {
		return nil
	}
	ort.SetSharedLibraryPath(path)
	err := ort.InitializeEnvironment()
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "ORT API base") {
		return fmt.Errorf("%s is %s, but onnxruntime 1.%d or later is needed", path, libraryVersion(path), needsAPI)
	}
	return fmt.Errorf("opening %s: %w", path, err)
}

// LibraryVersion is the loaded library's version, such as 1.24.4.
func LibraryVersion() string { return ort.GetVersion() }

var versioned = regexp.MustCompile(`libonnxruntime\.so\.(\d+\.\d+(?:\.\d+)?)`)

// libraryVersion is what can be said about a library that refused to serve: the
// version is in its file's name, or in the soname that its bytes hold.
func libraryVersion(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if m := versioned.FindStringSubmatch(path); m != nil {
		return "onnxruntime " + m[1]
	}
	if b, err := os.ReadFile(path); err == nil {
		if m := regexp.MustCompile(`VERS_(\d+\.\d+\.\d+)`).FindSubmatch(b); m != nil {
			return "onnxruntime " + string(m[1])
		}
	}
	return "an older onnxruntime"
}
