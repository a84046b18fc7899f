package link

import (
	"bufio"
	"io"
	"os/exec"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

const hello = "echo hello; exec sleep 1000"

// What starting costs without Rouse, to compare with.
func BenchmarkPlainStart(b *testing.B) {
	for range b.N {
		cmd := exec.Command("/bin/sh", "-c", hello)
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}
}

// From the order to restart to the new run's first byte, the old one's end included.
func BenchmarkRestart(b *testing.B) {
	for _, w := range ways() {
		b.Run(w.name, func(b *testing.B) {
			o := newBox(b, w).launch("/bin/sh", "-c", hello)
			o.line()
			for b.Loop() {
				if err := o.Process.Restart(b.Context()); err != nil {
					b.Fatal(err)
				}
				o.line()
			}
		})
	}
}

func BenchmarkDial(b *testing.B) { dialAll(b, way{}) }

func dialAll(b *testing.B, w way) {
	o := newBox(b, w).start(rouse.Launch{Contract: rouse.ContractHTTP, Command: function("echo", "PORT="+rouse.PortVar)})
	o.line()
	for b.Loop() {
		conn, err := o.Dial(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}

func BenchmarkIdleAndBusy(b *testing.B) {
	o := newBox(b, way{}).launch("sleep", "1000")
	for b.Loop() {
		o.Keeper.Idle(3)
		o.Keeper.Busy()
	}
}

func BenchmarkDialFromTheHost(b *testing.B) { dialAll(b, way{opened: true}) }

func BenchmarkDialRelayed(b *testing.B) { dialAll(b, way{relayed: true}) }

// What the second listener adds to a start.
func BenchmarkListen(b *testing.B) {
	for _, w := range ways() {
		b.Run(w.name, func(b *testing.B) {
			box := newBox(b, w)
			if err := box.Connected(b.Context()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				l, err := box.Link.way().listen(b.Context(), 0, wire.HeldPlatform)
				if err != nil {
					b.Fatal(err)
				}
				l.Close()
			}
		})
	}
}
