package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestDialReachesTheCodesPort(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.start(rouse.Launch{Contract: rouse.ContractHTTP, Command: function("echo", "PORT="+rouse.PortVar)})
		if got := o.line(); got != "listening" {
			t.Fatalf("got %q", got)
		}
		for range 3 {
			o.echoes()
		}
		if err := o.Process.Kill(soon(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Dial(soon(t)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialing where nobody listens: %v", err)
		}
	})
}

func TestADialThatWaitsDoesNotHoldUpTheRest(t *testing.T) {
	// A queue of one that nobody accepts from: the next connections hang.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	b := newBox(t, way{})
	o := b.start(rouse.Launch{
		Contract: rouse.ContractHTTP, Port: sa.(*syscall.SockaddrInet4).Port,
		Command: rouse.Command{Argv: []string{"sleep", "1000"}},
	})
	first, err := o.Dial(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	ctx, cancel := context.WithCancel(soon(t))
	hung := make(chan error)
	for range 3 {
		go func() {
			conn, err := o.Dial(ctx)
			if err == nil {
				conn.Close()
			}
			hung <- err
		}()
	}
	if err := o.Process.Restart(soon(t)); err != nil {
		t.Errorf("restart beside dials that wait: %v", err)
	}
	cancel()
	for range 3 {
		if err := <-hung; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("dial: %v", err)
		}
	}
}

// serve answers each line on conn with "event N".
func serveEvents(t *testing.T, ln net.Listener, count int) net.Conn {
	t.Helper()
	_ = ln.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(20 * time.Second))
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for i := range count {
		expectPoll(t, conn)
		fmt.Fprintf(conn, "event %d\n", i)
	}
	return conn
}

// expectPoll reads one "next" without reading ahead.
func expectPoll(t *testing.T, conn net.Conn) {
	t.Helper()
	buf := make([]byte, len("next\n"))
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "next\n" {
		t.Fatalf("poll %q, %v", buf, err)
	}
}

func lambda(command rouse.Command) rouse.Launch {
	return rouse.Launch{Contract: rouse.ContractLambda, RuntimeAPI: "127.0.0.1:0", Command: command}
}

func TestTheRuntimeAPIListensInTheSandboxOverRestarts(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		o := newBox(t, w).start(lambda(function("poll", "API="+rouse.AddrVar)))
		for range 2 {
			conn := serveEvents(t, o.RuntimeAPI, 2)
			for i := range 2 {
				if got := o.line(); got != fmt.Sprint("got event ", i) {
					t.Errorf("got %q", got)
				}
			}
			if err := o.Process.Restart(soon(t)); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
	})
}

func TestLaunchRefusesWhatCannotBeStarted(t *testing.T) {
	for name, launch := range map[string]rouse.Launch{
		"contract":            {Contract: "smtp"},
		"Runtime API address": {Contract: rouse.ContractLambda, RuntimeAPI: "0.0.0.0:9001"},
		"command":             {Contract: rouse.ContractHTTP, Port: 8080},
		"environment":         {Contract: rouse.ContractHTTP, Port: 8080, Command: rouse.Command{Argv: []string{"true"}, Env: []string{strings.Repeat("x", 64<<10)}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, way{})
			_, err := b.Launch(soon(t), launch)
			if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestLaunchIsForOnce(t *testing.T) {
	b := newBox(t, way{})
	b.launch("true")
	if _, err := b.Launch(soon(t), lambda(rouse.Command{Argv: []string{"true"}})); err == nil {
		t.Error("a second launch")
	}
}

func TestTerminateAsksFirst(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.launch("sh", "-c", `trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done`)
		o.line()
		if err := o.Process.Freeze(soon(t)); err != nil { // it hears all the same
			t.Fatal(err)
		}
		if err := b.Terminate(soon(t)); err != nil {
			t.Fatal(err)
		}
		<-b.over
		if got := o.line(); got != "bye" {
			t.Errorf("got %q", got)
		}
		if got := o.wait(); got.Code != 5 {
			t.Errorf("exit %+v", got)
		}
		if _, err := o.out.ReadString('\n'); err != io.EOF {
			t.Errorf("after the end stdout gives %v", err)
		}
	})
}

func TestTerminateAsksWithTheSignalOfTheLaunch(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.start(rouse.Launch{
			Contract: rouse.ContractHTTP, Port: 8080, StopSignal: int(syscall.SIGUSR1),
			Command: rouse.Command{Argv: []string{"sh", "-c", `trap 'echo usr1; exit 6' USR1; echo ready; while :; do sleep 0.01; done`}},
		})
		o.line()
		if err := b.Terminate(soon(t)); err != nil {
			t.Fatal(err)
		}
		<-b.over
		if got := o.line(); got != "usr1" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTerminateKillsWhatDoesNotListen(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		b := newBox(t, w)
		o := b.launch("sh", "-c", `trap '' TERM; echo ready; while :; do sleep 1; done`)
		o.line()
		ctx, cancel := context.WithCancel(soon(t))
		cancel()
		if err := b.Terminate(ctx); err != nil {
			t.Fatal(err)
		}
		<-b.over
		<-b.Lost()
		if got := o.wait(); got.Signal != "killed" {
			t.Errorf("exit %+v", got)
		}
	})
}

func TestWhatIsAskedWhileTheAgentEndsIsAskedOfNobody(t *testing.T) {
	for range 5 {
		b := newBox(t, ways()[0])
		o := b.launch("sh", "-c", "echo ready; exec sleep 1000")
		o.line()
		if err := b.agent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil {
			err = o.Process.Thaw(soon(t))
		}
		if !isGone(err) {
			t.Errorf("thaw: %v", err)
		}
	}
}

func TestTheEndOfTheAgentEndsEverything(t *testing.T) {
	for _, w := range ways()[:1] { // elsewhere it cannot be killed, or its namespace dies with it
		b := newBox(t, w)
		o := b.launch("sh", "-c", "echo ready; exec sleep 1000")
		o.line()
		before := b.descendants()
		if err := b.agent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-b.Lost()
		if _, err := o.Process.Wait(soon(t)); !isGone(err) {
			t.Errorf("wait: %v", err)
		}
		if err := o.Process.Kill(soon(t)); !isGone(err) {
			t.Errorf("kill: %v", err)
		}
		if err := o.Process.Restart(soon(t)); !isGone(err) {
			t.Errorf("restart: %v", err)
		}
		if _, err := o.Dial(soon(t)); !isGone(err) {
			t.Errorf("dial: %v", err)
		}
		if err := b.Connected(soon(t)); !isGone(err) {
			t.Errorf("connected: %v", err)
		}
		pid, _, _ := strings.Cut(before[0], " ")
		waitFor(t, func() bool { return !alive(pid) })
	}
}
