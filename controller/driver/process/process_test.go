package process_test

import (
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/drivertest"
	"github.com/rousehq/rouse/controller/driver/process"
	"github.com/rousehq/rouse/runtime/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firstUID is this test process' own.
var firstUID = 100_000_000 + 100*os.Getpid()

const agentPackage = "github.com/rousehq/rouse/cmd/rouse-agent"

func TestConformance(t *testing.T) { conform(t) }

// TestConformanceWhereMemoryIsWatched is the same without control groups.
func TestConformanceWhereMemoryIsWatched(t *testing.T) { conform(t, process.WithoutGroups) }

// TestSocketsGetAcrossInEveryWay runs what crosses the wall, where there is one.
func TestSocketsGetAcrossInEveryWay(t *testing.T) {
	for _, way := range []driver.Sockets{driver.SocketsAgent, driver.SocketsRelay} {
		t.Run(string(way), func(t *testing.T) { drivertest.RunAcross(t, suite(t), way) })
	}
}

func conform(t *testing.T, change ...func(*process.Driver)) { drivertest.Run(t, suite(t, change...)) }

func suite(t *testing.T, change ...func(*process.Driver)) drivertest.Suite {
	agent := filepath.Join(drivertest.PublicDir(t), "rouse-agent")
	drivertest.Build(t, agentPackage, agent)
	var dir string // of the data directory in use
	root := os.Geteuid() == 0
	return drivertest.Suite{
		Open: func(t *testing.T, w drivertest.World) drivertest.Host {
			dir = w.Dir
			return start(t, w, agent, change...)
		},
		Spec: func(w drivertest.World) rouse.Spec {
			return rouse.Spec{Artifact: rouse.Artifact{Code: w.Code}, Runtime: drivertest.Runtime}
		},
		Destroy: func(t *testing.T, _ rouse.SandboxID) { // the only one there is
			for _, pid := range running(t, agent) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		},
		Left: func(t *testing.T, made []rouse.SandboxID) []string { return left(t, dir, made) },
		// As root the user is the sandbox's own; else it is whoever runs the test.
		User:       user(root),
		NoReadOnly: !root,
		NoTmp:      true,
		NoNetwork:  true,
		NoPids:     !root,
	}
}

// TestConformanceWithoutRoot runs TestConformance as nobody.
func TestConformanceWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("TestConformance runs without root already")
	}
	const nobody = 65534
	dir := drivertest.PublicDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	drivertest.Copy(t, self, filepath.Join(dir, "test"))
	for _, pkg := range []string{agentPackage, drivertest.FunctionPackage} {
		drivertest.Build(t, pkg, filepath.Join(dir, path.Base(pkg)))
	}
	cmd := exec.Command(filepath.Join(dir, "test"), "-test.run=^TestConformance$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), drivertest.BuiltVar+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func user(root bool) string {
	if root {
		return strconv.Itoa(firstUID) + ":" + strconv.Itoa(firstUID)
	}
	return strconv.Itoa(os.Geteuid()) + ":" + strconv.Itoa(os.Getegid())
}

func start(t *testing.T, w drivertest.World, agent string, change ...func(*process.Driver)) drivertest.Host {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	host, err := link.New(filepath.Join(w.Dir, "run"), link.Options{Reconnect: time.Minute, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	d, err := process.New(process.Options{
		Agents:    drivertest.AgentsOf(host.Expect, host.Left, host.Relay),
		Sockets:   w.Sockets,
		Planner:   w.Planner,
		Artifacts: w.Artifacts,
		Agent:     agent,
		Dir:       filepath.Join(w.Dir, "process"),
		Log:       log,
		FirstUID:  firstUID,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(d)
	}
	return drivertest.Host{Driver: d, Crash: func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	}}
}

// running finds the processes that run a program of this path.
func running(t *testing.T, program string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		b, err := os.ReadFile(file)
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && strings.HasPrefix(string(b), program+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// left finds folders, records, processes and control groups of sandboxes.
func left(t *testing.T, dir string, made []rouse.SandboxID) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"run/*", "process/sandboxes/*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && strings.Contains(string(b), dir) {
			found = append(found, filepath.Dir(file))
		}
	}
	for _, group := range groups(t) {
		if slices.Contains(made, rouse.SandboxID(filepath.Base(group))) {
			found = append(found, group)
		}
	}
	return found
}

// groups finds the control groups of sandboxes, whoever's they are.
func groups(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() && filepath.Base(filepath.Dir(path)) == "rouse" {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestARootOfItsOwnIsRefused(t *testing.T) {
	w := drivertest.NewWorld(t)
	w.Dir = drivertest.PublicDir(t)
	host := start(t, w, "unused")
	defer host.Crash()
	spec := rouse.DefaultSpec()
	spec.Artifact.Code, spec.Runtime, spec.Writable = w.Code, drivertest.Runtime, true
	if _, err := host.Driver.Check(t.Context(), spec, nil); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "writable") {
		t.Errorf("a writable root: %v", err)
	}
	spec.Writable = false
	if _, err := host.Driver.Check(t.Context(), spec, nil); err != nil {
		t.Error(err)
	}
}
