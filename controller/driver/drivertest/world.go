package drivertest

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Runtime is the only runtime of the suite's Planner. Its base image is BaseImage.
const (
	Runtime   = "conformance"
	BaseImage = "rouse-conformance-base"
)

// FunctionPackage is the function's program.
const FunctionPackage = "github.com/rousehq/rouse/controller/driver/drivertest/fn"

const codeDigest = "sha256:conformance"

// NewWorld builds the function and what goes with it. Dir is the caller's to set.
func NewWorld(t *testing.T) World {
	t.Helper()
	dir := PublicDir(t)
	code := filepath.Join(dir, "code")
	if err := os.Mkdir(code, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(code, "fn")
	Build(t, FunctionPackage, program)
	for _, path := range []string{code, program} { // whatever the umask is
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return World{
		Program:   program,
		Code:      codeDigest,
		Planner:   planner{},
		Artifacts: artifacts{codeDigest: code},
	}
}

// BuiltVar names a folder of programs that Build copies instead, for test
// processes of users who have no Go toolchain.
const BuiltVar = "DRIVERTEST_BUILT"

// Build builds a static program of this module.
func Build(t *testing.T, pkg, program string) {
	t.Helper()
	if dir := os.Getenv(BuiltVar); dir != "" {
		Copy(t, filepath.Join(dir, path.Base(pkg)), program)
		return
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
}

// Copy copies a program.
func Copy(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// PublicDir is a folder that every user may enter, unlike t.TempDir.
func PublicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rouse-drivertest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// AgentsOf joins the functions of the host's side of the agent, whose links have
// a type of their own. relay is needed where agents come over TCP.
func AgentsOf[L driver.Link](expect func(rouse.SandboxID) (L, error), left func() ([]L, error), relay ...func(listen, reach string) error) driver.Agents {
	a := agents[L]{expect, left}
	if len(relay) == 0 {
		return a
	}
	return relayer[L]{a, relay[0]}
}

// relayer is agents that may come over TCP.
type relayer[L driver.Link] struct {
	agents[L]
	relay func(listen, reach string) error
}

func (r relayer[L]) Relay(listen, reach string) error { return r.relay(listen, reach) }

type agents[L driver.Link] struct {
	expect func(rouse.SandboxID) (L, error)
	left   func() ([]L, error)
}

func (a agents[L]) Expect(id rouse.SandboxID) (driver.Link, error) { return a.expect(id) }

func (a agents[L]) Left() ([]driver.Link, error) {
	links, err := a.left()
	list := make([]driver.Link, len(links))
	for i, l := range links {
		list[i] = l
	}
	return list, err
}

// artifacts are folders by digest.
type artifacts map[string]string

func (a artifacts) Path(digest string) (string, bool) {
	dir, ok := a[digest]
	return dir, ok
}

// Merged knows one layer at a time; joining them is package artifact's.
func (a artifacts) Merged(digests []string) (string, error) {
	if len(digests) == 0 {
		return "", nil
	}
	return a[digests[len(digests)-1]], nil
}

// planner runs the program "fn" of the code, or the image's own entry point,
// or what the spec says.
type planner struct{}

var (
	_ driver.Planner   = planner{}
	_ driver.Artifacts = artifacts{}
)

func (planner) Plan(rev rouse.Revision, l rouse.Layout) (rouse.Command, error) {
	c := rouse.Command{Argv: slices.Clone(rev.Spec.Command)}
	if rev.Spec.Runtime != "" {
		c.Dir = l.Task
		if len(c.Argv) == 0 {
			c.Argv = []string{path.Join(l.Task, "fn")}
		}
	}
	for i, arg := range c.Argv {
		c.Argv[i] = strings.ReplaceAll(arg, "$TASK", l.Task)
	}
	for name, value := range rev.Spec.Environment {
		c.Env = append(c.Env, name+"="+value)
	}
	c.Env = append(c.Env, "TMP_DIR="+l.Tmp, "TASK_DIR="+l.Task)
	if rev.Spec.Contract == rouse.ContractLambda {
		c.Env = append(c.Env, "AWS_LAMBDA_RUNTIME_API="+l.RuntimeAPI)
	} else {
		c.Env = append(c.Env, "PORT="+l.Port)
	}
	return c, nil
}

func (planner) Image(runtime string) (string, error) { return BaseImage, known(runtime) }

func (planner) Zygote(runtime string, _ rouse.Contract, _ []string, _ rouse.Layout) (rouse.Command, error) {
	return rouse.Command{}, rouse.Errorf(rouse.Invalid, "zygote: runtime %q has none", runtime)
}

func (planner) Interpreter(runtime string) (string, error) { return "", known(runtime) }

func (planner) Unpack(string) error { return nil }

func known(runtime string) error {
	if runtime != Runtime {
		return rouse.Errorf(rouse.Invalid, "runtime %q: must be %s", runtime, Runtime)
	}
	return nil
}
