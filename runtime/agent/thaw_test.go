package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse/runtime/wire"
)

// Python's main thread alone calls handlers: it sleeps on when the kernel gives
// the signal to the other thread, as it does in half the cases when it comes right
// after a thaw.
func TestASignalRightAfterAThawReachesTheMainThread(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.py")
	if err := os.WriteFile(file, []byte(`
import os, signal, socket, threading
a, b = socket.socketpair()
c, d = socket.socketpair()
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
threading.Thread(target=lambda: c.recv(1), daemon=True).start()
os.write(1, b"ready\n")
a.recv(1)
`), 0o600); err != nil {
		t.Fatal(err)
	}
	interpreter := python(t)
	for name, end := range map[string]wire.Message{
		"signal": {Kind: wire.KindSignal, Signal: int(unix.SIGTERM)},
		"end":    {Kind: wire.KindEnd, Signal: int(unix.SIGTERM), Seq: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				h := newHost(t).welcome()
				line(t, h.start("exec "+interpreter+" -S -E "+file))
				if reply, _ := h.ask(wire.Message{Kind: wire.KindFreeze}); reply.Error != "" {
					t.Fatal(reply.Error)
				}
				h.tell(wire.Message{Kind: wire.KindThaw, Seq: 999})
				h.tell(end)
				for {
					m, _, err := h.Recv()
					if err != nil {
						t.Fatal("it goes on: ", err)
					}
					if m.Kind == wire.KindExit {
						if m.Exit.Code != 7 {
							t.Errorf("exit %+v", m.Exit)
						}
						break
					}
				}
			}
		})
	}
}
