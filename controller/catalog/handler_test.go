package catalog

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		mode := os.FileMode(0o644)
		if exe, ok := strings.CutSuffix(name, "*"); ok {
			name, mode = exe, 0o755
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheHandlersFileMustBeInTheCode(t *testing.T) {
	const lambda, http = rouse.ContractLambda, rouse.ContractHTTP
	for _, c := range []struct {
		contract rouse.Contract
		runtime  string
		handler  string
		files    []string
		wrong    string // part of the error; empty when all is well
	}{
		{lambda, "python3.11", "app.handler", []string{"app.py"}, ""},
		{lambda, "python3.11", "app.handler", []string{"app/__init__.py"}, ""},
		{lambda, "python3.11", "pkg/app.handler", []string{"pkg/app.py"}, ""},
		{lambda, "python3.11", "pkg.app.handler", []string{"pkg/app.py"}, ""},
		{lambda, "python3.11", "app.handler", []string{"app.cpython-311-x86_64-linux-gnu.so"}, ""},
		{lambda, "python3.11", "app.handler", []string{"main.py", "lib/x.py"}, "at its top are lib/, main.py"},
		{lambda, "python3.11", "app.handler", []string{"app/other.py"}, "neither app.py nor app/__init__.py"},
		{lambda, "python3.11", "app*.handler", []string{"app1.py"}, "neither"},
		{lambda, "python3.11", "app", []string{"app.py"}, "MODULE.FUNCTION"},
		{lambda, "python3.11", "", []string{"app.py"}, "handler: missing; write it as MODULE.FUNCTION"},
		{lambda, "python3.11", "/etc/app.handler", nil, "inside the code"},
		{lambda, "nodejs20.x", "index.handler", []string{"index.mjs"}, ""},
		{lambda, "nodejs20.x", "dist/index.handler", []string{"dist/index.cjs"}, ""},
		{lambda, "nodejs20.x", "index.a.b", []string{"index.js"}, ""},
		{lambda, "nodejs20.x", "index.handler", nil, "it is empty"},
		{lambda, "nodejs20.x", "../index.handler", nil, "inside the code"},
		{lambda, "nodejs20.x", "index", []string{"index.js"}, "FILE.FUNCTION"},
		{lambda, "provided.al2023", "", []string{"bootstrap*"}, ""},
		{lambda, "provided", "", []string{"bootstrap"}, "not executable"},
		{lambda, "provided", "", []string{"main"}, "no file bootstrap"},
		{http, "python3.11", "server.py", []string{"server.py"}, ""},
		{http, "nodejs20.x", "server.js", []string{"app.js"}, "no such file"},
		{http, "python3.11", "", []string{"server.py"}, "the file to run"},
		{http, "python3.11", "../server.py", nil, "inside the code"},
		{http, "provided", "", []string{"bootstrap*"}, ""},
	} {
		t.Run(c.runtime+" "+c.handler, func(t *testing.T) {
			err := checkHandler(tree(t, c.files...), rouse.Spec{Contract: c.contract, Runtime: c.runtime, Handler: c.handler})
			if c.wrong == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, rouse.Invalid)
			if err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("error %q does not say %q", err, c.wrong)
			}
		})
	}
}

func TestACommandOfOnesOwnNeedsNoHandler(t *testing.T) {
	if err := checkHandler(t.TempDir(), rouse.Spec{Contract: rouse.ContractHTTP, Runtime: "python3.11", Command: []string{"uvicorn"}}); err != nil {
		t.Error(err)
	}
}

func TestAProgramForAnotherMachineIsRefused(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	head := program[:64]
	foreign := bytes.Clone(head)
	binary.LittleEndian.PutUint16(foreign[18:], uint16(elf.EM_S390))
	for name, c := range map[string]struct {
		bootstrap []byte
		wrong     string
	}{
		"this machine's": {head, ""},
		"another's":      {foreign, "bootstrap is a program for EM_S390, and this machine is "},
		"a script":       {[]byte("#!/bin/sh\necho a script that is longer than a head\n"), ""},
		"short":          {[]byte("\x7fELF"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "bootstrap"), c.bootstrap, 0o755); err != nil {
				t.Fatal(err)
			}
			err := checkHandler(dir, rouse.Spec{Contract: rouse.ContractLambda, Runtime: "provided"})
			if c.wrong == "" && err != nil || c.wrong != "" && (rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("got %v, want %q", err, c.wrong)
			}
		})
	}
}
