package rouse_test

import (
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rousehq/rouse"

// bans are the imports that would let the design decay. from and to are
// prefixes of folders or import paths; packages below those in except may.
var bans = []struct {
	from, to, except, why string
}{
	{"gateway", module + "/controller", "", "the data plane knows the control plane only as rouse.Leaser and its own small interfaces"},
	{"gateway", module + "/runtime", "", "the data plane asks a lease's target what it can do"},
	{"controller", module + "/gateway", "", "the control plane does not know how requests arrive"},
	{"controller", module + "/runtime", "", "drivers reach agents through driver.Agents"},
	{"runtime", module + "/gateway", "", "contracts do not know how requests arrive"},
	{"runtime", module + "/controller", "", "contracts do not know who started their process"},
	{"gateway", module + "/cmd", "", "imports run downward"},
	{"controller", module + "/cmd", "", "imports run downward"},
	{"runtime", module + "/cmd", "", "imports run downward"},
	{"", "github.com/docker/", "controller/driver/docker", "the engine's SDK stays in its driver"},
	{"", "github.com/google/go-containerregistry", "controller/artifact/registry", "who else needs images asks for layers, not for registries"},
	{"controller", "github.com/aws/", "controller/trigger/queue/remote", "only the client of queues elsewhere speaks to AWS's services"},
	{"", "go.etcd.io/bbolt", "controller/store/bolt bench", "only the store knows how state lies on disk; it is measured beside the library"},
	{"", "github.com/yalue/onnxruntime_go", "runtime/onnx", "cgo stays with the model server"},
	{"runtime/agent", "net/http", "", "the agent stays small: it is in every sandbox"},
	{"runtime/wire", "net/http", "", "the agent stays small: it is in every sandbox"},
	{"runtime/relay", "net/http", "", "the agent stays small: it is in every sandbox"},
	{"cmd/rouse-agent", "net/http", "", "the agent stays small: it is in every sandbox"},
}

func TestImportsRunDownwardOnly(t *testing.T) {
	for dir, files := range packages(t) {
		for _, f := range files {
			for _, spec := range f.Imports {
				path := strings.Trim(spec.Path.Value, `"`)
				for _, ban := range bans {
					if within(dir, ban.from) && strings.HasPrefix(path, ban.to) &&
						!slices.ContainsFunc(strings.Fields(ban.except), func(may string) bool { return within(dir, may) }) {
						t.Errorf("%s imports %s: %s", dir, path, ban.why)
					}
				}
			}
		}
	}
}

func TestRootPackageImportsOnlyTheStandardLibrary(t *testing.T) {
	for _, f := range packages(t)["."] {
		for _, spec := range f.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, ".") {
				t.Errorf("the root package imports %s", path)
			}
		}
	}
}

// siblings lists the folders whose children must not import one another; a
// child may import its parent.
var siblings = []string{"gateway", "controller", "controller/driver", "controller/store"}

func TestSiblingsDoNotImportEachOther(t *testing.T) {
	for dir, files := range packages(t) {
		for _, hall := range siblings {
			own, inside := child(dir, hall)
			if !inside {
				continue
			}
			for _, f := range files {
				for _, spec := range f.Imports {
					path, local := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
					if other, below := child(path, hall); local && below && other != own && !contract(hall, other) {
						t.Errorf("%s imports its sibling %s: let it declare the interface that it needs", dir, path)
					}
				}
			}
		}
	}
}

// contract says whether other is a folder whose own package is a contract for
// its siblings to build on.
func contract(hall, other string) bool {
	return other == "internal" || hall == "controller" && (other == "driver" || other == "store" || other == "scale")
}

// child is the first folder of dir below hall.
func child(dir, hall string) (string, bool) {
	rest, ok := strings.CutPrefix(dir, hall+"/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, true
}

func within(dir, folder string) bool {
	return folder == "" || dir == folder || strings.HasPrefix(dir, folder+"/")
}
