package docker_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
	"github.com/rousehq/rouse/controller/driver/docker"
	"github.com/rousehq/rouse/controller/driver/drivertest"
)

func TestNoEngineIsUnavailable(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no.sock"))
	_, err := docker.New(t.Context(), docker.Options{Log: slog.New(slog.DiscardHandler)})
	if rouse.CodeOf(err) != rouse.Unavailable {
		t.Fatalf("New without an engine: %v, want Unavailable", err)
	}
}

func TestAnEngineThatHangsCostsTheCallersTimeAndNoMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hangs.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := docker.New(ctx, docker.Options{Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("New with an engine that hangs: %v", err)
	}
}

// TestAnEngineMayVanishAndComeBack cuts the driver off from the engine.
func TestAnEngineMayVanishAndComeBack(t *testing.T) {
	api := engine(t)
	way := cable(t, strings.TrimPrefix(api.DaemonHost(), "unix://"))
	t.Setenv("DOCKER_HOST", "unix://"+way.path)

	w := world(t)
	importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]")
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, functionImage
	class := driver.Plain(rouse.NewRevision("f", spec, time.Unix(0, 0)))
	host := start(t, w, agentProgram(t))
	defer host.Crash()
	sandbox, err := host.Driver.Make(t.Context(), class)
	if err != nil {
		t.Fatal(err)
	}

	way.cut()
	if _, err := host.Driver.Make(t.Context(), class); rouse.CodeOf(err) != rouse.Unavailable {
		t.Errorf("Make without an engine: %v, want Unavailable", err)
	}
	if err := api.ContainerKill(t.Context(), "rouse-"+string(sandbox.ID()), "KILL"); err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Wait(t.Context()); err != nil { // the agent's connection says so
		t.Errorf("Wait without an engine: %v", err)
	}
	if err := sandbox.Stop(t.Context()); rouse.CodeOf(err) != rouse.Unavailable {
		t.Errorf("Stop without an engine: %v, want Unavailable", err)
	}

	way.join()
	again, err := host.Driver.Make(t.Context(), class)
	if err != nil {
		t.Fatalf("Make with the engine back: %v", err)
	}
	for _, s := range []driver.Sandbox{sandbox, again} {
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("Stop with the engine back: %v", err)
		}
	}
	if left := containers(t, api); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestCheckSaysWhatIsWrongWithAnImage(t *testing.T) {
	api := engine(t)
	host := start(t, world(t), agentProgram(t))
	defer host.Crash()
	spec := rouse.DefaultSpec()

	spec.Artifact.Image = "127.0.0.1:1/no/such:image"
	var told []string
	_, err := host.Driver.Check(t.Context(), spec, func(s string) { told = append(told, s) })
	if rouse.CodeOf(err) != rouse.StartFailed || !strings.Contains(err.Error(), "not on this engine and cannot be pulled") {
		t.Errorf("an image that cannot be pulled: %v", err)
	}
	if len(told) == 0 || !strings.Contains(told[0], spec.Artifact.Image) {
		t.Errorf("nobody was told of the pull: %q", told)
	}

	const bare = "rouse-conformance-bare"
	importImage(t, api, bare, nil)
	defer api.ImageRemove(context.WithoutCancel(t.Context()), bare, image.RemoveOptions{Force: true})
	spec.Artifact.Image = bare
	if _, err := host.Driver.Check(t.Context(), spec, nil); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "entry point") {
		t.Errorf("an image without an entry point: %v", err)
	}
	spec.Command = []string{"/fn"}
	if checked, err := host.Driver.Check(t.Context(), spec, nil); err != nil || checked.Artifact.ImageID == "" {
		t.Errorf("an image with a command: %+v, %v", checked.Artifact, err)
	}
}

// A container that starts while its engine goes away says nothing of what the
// host may do with others.
func TestAnEngineThatVanishesDuringAStartFailsThatStartAlone(t *testing.T) {
	api := engine(t)
	way := cable(t, strings.TrimPrefix(api.DaemonHost(), "unix://"))
	t.Setenv("DOCKER_HOST", "unix://"+way.path)
	w := world(t)
	importImage(t, api, functionImage, map[string]string{"fn": w.Program}, "ENTRYPOINT [\"/fn\"]")
	spec := rouse.DefaultSpec()
	spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, functionImage
	class := driver.Plain(rouse.NewRevision("f", spec, time.Unix(0, 0)))
	host := start(t, w, agentProgram(t))
	defer host.Crash()
	before, _ := host.Driver.(driver.Crosser).Sockets()

	way.cutBefore(regexp.MustCompile("/containers/[0-9a-f]{64}/json")) // which comes after the start
	if _, err := host.Driver.Make(t.Context(), class); rouse.CodeOf(err) != rouse.Unavailable {
		t.Errorf("Make with an engine that vanishes: %v, want Unavailable", err)
	}
	if now, why := host.Driver.(driver.Crosser).Sockets(); now != before {
		t.Errorf("sockets get across by %s from now on: %s", now, why)
	}
	way.join()
	sandbox, err := host.Driver.Make(t.Context(), class)
	if err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := host.Driver.Close(); err != nil { // with which it removes what it could not before
		t.Error(err)
	}
	if left := containers(t, api); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// line is a way to the engine that can be cut.
type line struct {
	path, to string

	mu    sync.Mutex
	open  bool
	conns map[net.Conn]bool
	last  *regexp.Regexp // of the request before which it is cut; nil is none
}

// cable makes a line to the engine's socket.
func cable(t *testing.T, to string) *line {
	t.Helper()
	w := &line{path: filepath.Join(drivertest.PublicDir(t), "engine.sock"), to: to, open: true, conns: make(map[net.Conn]bool)}
	l, err := net.Listen("unix", w.path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		w.cut()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.carry(near) })
		}
	})
	return w
}

func (w *line) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("unix", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	open := w.open
	if open {
		w.conns[near], w.conns[far] = true, true
	}
	w.mu.Unlock()
	if !open {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(near, far)
		near.Close()
		far.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(far, requests{near, w})
		near.Close()
		far.Close()
	})
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, near)
	delete(w.conns, far)
}

func (w *line) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = false
	for c := range w.conns {
		c.Close()
	}
}

func (w *line) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = true
}

// cutBefore cuts the line instead of the next request of that path.
func (w *line) cutBefore(path *regexp.Regexp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = path
}

// requests are what is said on a connection.
type requests struct {
	net.Conn
	line *line
}

func (r requests) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.line.mu.Lock()
	over := r.line.last != nil && r.line.last.Match(p[:n])
	if over {
		r.line.last = nil
	}
	r.line.mu.Unlock()
	if over {
		r.line.cut()
		return 0, io.EOF
	}
	return n, err
}
