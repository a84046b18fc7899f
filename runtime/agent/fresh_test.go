package agent_test

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rousehq/rouse/runtime/wire"
)

// looked is what testdata/look.py says of the process that it runs in.
type looked struct {
	Same  map[string]any `json:"same"`
	Drawn []any          `json:"drawn"`
	rest  string
}

func readLook(t *testing.T, out *bufio.Reader) looked {
	t.Helper()
	all := ""
	for !strings.HasSuffix(all, "at exit\n") { // its last words: the agent keeps the pipe open
		s, err := out.ReadString('\n')
		if all += s; err != nil {
			t.Fatalf("%v after:\n%s", err, all)
		}
	}
	first, rest, _ := strings.Cut(all, "\n")
	var l looked
	if err := json.Unmarshal([]byte(first), &l); err != nil {
		t.Fatalf("%v in:\n%s", err, all)
	}
	l.rest = regexp.MustCompile(`File ".*/`).ReplaceAllString(rest, `File "`)
	return l
}

// lookModules are those that look.py imports, and more.
var lookModules = []string{
	"json", "random", "ssl", "uuid", "tempfile", "asyncio", "decimal", "logging", "threading",
	"concurrent.futures", "http.client", "urllib.request", "multiprocessing", "subprocess", "resource", "locale",
}

func TestAForkIsWhatAFreshProcessIs(t *testing.T) {
	script, err := os.ReadFile("testdata/look.py")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8", "TZ=UTC-5", "COLOR=red", "EMPTY=", "ODD=a=b\nc"}

	forks := [2]looked{}
	for i := range forks {
		h := newHost(t).welcome()
		if reply := h.hatch(lookModules...); reply.Error != "" {
			t.Fatal(reply.Error)
		}
		out, reply := h.forkInto(string(script), env...)
		if reply.Error != "" {
			t.Fatal(reply.Error)
		}
		forks[i] = readLook(t, out)
		if e := h.exit(); e.Code != 1 || e.Signal != 0 {
			t.Errorf("exit %+v", e)
		}
	}

	h := newHost(t).welcome()
	out, _ := h.forkIntoNothing(string(script), env...)
	fresh := readLook(t, out)

	for what, want := range fresh.Same {
		if got := forks[0].Same[what]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%v in a fork,\n%v in a fresh process", what, got, want)
		}
	}
	if forks[0].rest != fresh.rest {
		t.Errorf("it goes on to print\n%s\na fresh process\n%s", forks[0].rest, fresh.rest)
	}
	for i := range fresh.Drawn {
		if a, b, c := forks[0].Drawn[i], forks[1].Drawn[i], fresh.Drawn[i]; a == b || a == c {
			t.Errorf("draw %d is the same in two processes: %v, %v, %v", i, a, b, c)
		}
	}
}

// forkIntoNothing asks for a fork where there is no zygote, which is a fresh process.
func (h *host) forkIntoNothing(script string, env ...string) (*bufio.Reader, wire.Message) {
	h.t.Helper()
	out, reply := h.forkInto(script, env...)
	if reply.Error == "" {
		h.t.Fatal("forked without a zygote")
	}
	return out, reply
}

func TestAScriptThatIsNotThereFailsAsInAFreshProcess(t *testing.T) {
	var said [2]string
	for i := range said {
		h := newHost(t).welcome()
		if i == 0 {
			if reply := h.hatch("json"); reply.Error != "" {
				t.Fatal(reply.Error)
			}
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		end, err := syscall.Dup(int(w.Fd()))
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		h.tell(wire.Message{Kind: wire.KindStart, Seq: 7, Start: &wire.Start{
			Argv: []string{python(t), "-S", "-u", "/no/such/file.py"}, Dir: "/", UID: os.Getuid(), GID: os.Getgid(), Fork: true,
		}}, end, end, end, end)
		syscall.Close(end)
		for code := -2; code == -2; {
			m, _, err := h.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind == wire.KindExit {
				code = m.Exit.Code
				if code != 2 {
					t.Errorf("exit %+v", m.Exit)
				}
			}
		}
		buf := make([]byte, 4096)
		n, _ := r.Read(buf)
		said[i] = string(buf[:n])
	}
	if said[0] != said[1] || !strings.Contains(said[0], "/no/such/file.py") {
		t.Errorf("a fork says %q, a fresh process %q", said[0], said[1])
	}
}
