package process_test

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver/drivertest"
	"github.com/rousehq/rouse/controller/driver/process"
	"github.com/rousehq/rouse/runtime/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firstUID is this package's own, so that its tests run beside a Rouse.
const firstUID = 310_000

func TestConformance(t *testing.T) { conform(t) }

// TestConformanceWhereMemoryIsWatched is the same without control groups.
func TestConformanceWhereMemoryIsWatched(t *testing.T) { conform(t, process.WithoutGroups) }

func conform(t *testing.T, change ...func(*process.Driver)) {
	agent := filepath.Join(drivertest.PublicDir(t), "rouse-agent")
	drivertest.Build(t, "github.com/rousehq/rouse/cmd/rouse-agent", agent)
	var dir string // of the data directory in use
	root := os.Geteuid() == 0
	drivertest.Run(t, drivertest.Suite{
		Open: func(t *testing.T, w drivertest.World) drivertest.Host {
			dir = w.Dir
			return start(t, w, agent, change...)
		},
		Spec: func(w drivertest.World) rouse.Spec {
			return rouse.Spec{Artifact: rouse.Artifact{Code: w.Code}, Runtime: drivertest.Runtime}
		},
		Destroy: func(t *testing.T, id rouse.SandboxID) {
			for _, pid := range withEnvironment(t, string(id), agent) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		},
		Left: func(t *testing.T, made []rouse.SandboxID) []string { return left(t, dir, made) },
		// As root the user is the sandbox's own; else it is whoever runs the test.
		User:      user(root),
		NoTmp:     true,
		NoNetwork: true,
		NoPids:    !root,
	})
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
		Agents:    drivertest.AgentsOf(host.Expect, host.Left),
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

// withEnvironment finds the processes of a program that were started with a
// word in their environment.
func withEnvironment(t *testing.T, word, program string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		dir := filepath.Dir(file)
		environ, err := os.ReadFile(file)
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		if pid, _ := strconv.Atoi(filepath.Base(dir)); err == nil && exe == program && strings.Contains(string(environ), word) {
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
