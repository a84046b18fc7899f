package catalog

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rousehq/rouse"
)

// checkHandler finds a deployment's mistake while the deployer is looking: code
// in dir that lacks the file which spec's handler lives in. A command of the
// user's own is taken at its word.
func checkHandler(dir string, spec rouse.Spec) error {
	if len(spec.Command) > 0 {
		return nil
	}
	runtime := spec.Runtime
	if spec.Contract == rouse.ContractHTTP && runtime != "onnx" {
		return checkProgram(dir, spec)
	}
	switch {
	case strings.HasPrefix(runtime, "python"):
		return checkPython(dir, spec.Handler)
	case strings.HasPrefix(runtime, "nodejs"):
		return checkNode(dir, spec.Handler)
	case strings.HasPrefix(runtime, "provided"):
		return checkBootstrap(dir)
	}
	return nil // whether the runtime exists is the driver's to say
}

// checkPython mirrors how AWS reads app.handler and pkg/app.handler: all before
// the last dot is a module.
func checkPython(dir, handler string) error {
	i := strings.LastIndexByte(handler, '.')
	if i <= 0 || i == len(handler)-1 {
		return notWritten(handler, "MODULE.FUNCTION, like app.handler")
	}
	module := strings.ReplaceAll(handler[:i], ".", "/")
	if err := local(handler, module); err != nil {
		return err
	}
	// A folder without __init__.py holds no function, and a compiled module
	// carries its interpreter's tag: app.cpython-311-x86_64-linux-gnu.so.
	for _, pattern := range []string{".py", "/__init__.py", ".pyc", ".so", ".*.so"} {
		if found, _ := filepath.Glob(quoteGlob(filepath.Join(dir, module)) + pattern); len(found) > 0 {
			return nil
		}
	}
	return rouse.Errorf(rouse.Invalid, "handler %q: the code has neither %s.py nor %s/__init__.py; %s", handler, module, module, contents(dir))
}

// checkNode mirrors how AWS reads index.handler and dist/index.handler: the
// module's name ends at the first dot after the last slash.
func checkNode(dir, handler string) error {
	folder, base := path.Split(handler)
	module, function, found := strings.Cut(base, ".")
	if !found || module == "" || function == "" {
		return notWritten(handler, "FILE.FUNCTION, like index.handler")
	}
	module = folder + module
	if err := local(handler, module); err != nil {
		return err
	}
	for _, extension := range []string{".js", ".mjs", ".cjs", ""} {
		if isFile(filepath.Join(dir, module+extension)) {
			return nil
		}
	}
	return rouse.Errorf(rouse.Invalid, "handler %q: the code has none of %s.js, %s.mjs and %s.cjs; %s", handler, module, module, module, contents(dir))
}

// notWritten is about a handler that is missing or has not its runtime's form.
func notWritten(handler, form string) error {
	if handler == "" {
		return rouse.Errorf(rouse.Invalid, "handler: missing; write it as %s", form)
	}
	return rouse.Errorf(rouse.Invalid, "handler %q: write it as %s", handler, form)
}

func checkBootstrap(dir string) error {
	file := filepath.Join(dir, "bootstrap")
	info, err := os.Stat(file)
	switch {
	case err != nil || !info.Mode().IsRegular():
		return rouse.Errorf(rouse.Invalid, "the code has no file bootstrap, which its runtime starts; %s", contents(dir))
	case info.Mode()&0o111 == 0:
		return rouse.Errorf(rouse.Invalid, "bootstrap is not executable; run chmod +x bootstrap and deploy again")
	}
	return checkMachine(file)
}

// checkProgram is for the http contract, where the handler is the file to run.
func checkProgram(dir string, spec rouse.Spec) error {
	if spec.Handler == "" {
		if strings.HasPrefix(spec.Runtime, "provided") {
			return checkBootstrap(dir)
		}
		return rouse.Errorf(rouse.Invalid, "handler: missing; contract http needs the file to run, like server.py, or a command")
	}
	if err := local(spec.Handler, spec.Handler); err != nil {
		return err
	}
	if !isFile(filepath.Join(dir, spec.Handler)) {
		return rouse.Errorf(rouse.Invalid, "handler %q: the code has no such file; %s", spec.Handler, contents(dir))
	}
	return nil
}

func local(handler, file string) error {
	if !filepath.IsLocal(file) || strings.ContainsAny(file, "\\\x00") {
		return rouse.Errorf(rouse.Invalid, "handler %.80q: must stay inside the code", handler)
	}
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// contents says what lies at the top of dir, so that a wrong folder is seen at once.
func contents(dir string) string {
	const most = 8
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return "it is empty"
	}
	names := make([]string, 0, most+1)
	for _, e := range entries {
		if len(names) == most {
			names = append(names, "…")
			break
		}
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return "at its top are " + strings.Join(names, ", ")
}

func quoteGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
