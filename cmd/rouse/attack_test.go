package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// inEachTier runs f on a server whose sandboxes begin as cells, and on one
// whose sandboxes are containers of their own. Its functions run as root.
func inEachTier(t *testing.T, f func(t *testing.T, w world)) {
	for _, tier := range []string{"cell", "cold"} {
		t.Run(tier, func(t *testing.T) {
			spares := 0
			if tier == "cell" {
				spares = 2
			}
			w := onDockerWith(t, dataDir(t), "--cells", fmt.Sprint(spares))
			w.leavesNothing()
			if spares > 0 {
				w.spares(spares)
			}
			f(t, w)
			if got := w.must("ps"); strings.Count(got, "  "+tier+"  ") == 0 {
				t.Errorf("nothing ran %s:\n%s", tier, got)
			}
		})
	}
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// names are the strings of a list that came as JSON.
func names(value any) (list []string) {
	all, _ := value.([]any)
	for _, one := range all {
		list = append(list, fmt.Sprint(one))
	}
	return list
}

func TestNothingOfAnotherFunctionOrTheHostIsSeen(t *testing.T) {
	inEachTier(t, func(t *testing.T, w world) {
		secret := "secret-of-" + filepath.Base(w.data)
		write(t, filepath.Join(w.data, "artifacts", "of-the-host"), secret)
		w.rogue("victim", "--env", "WORD="+secret)
		w.do("victim", order{Do: "write", Text: secret})
		w.rogue("f")
		seen, _ := w.do("f", order{Do: "search", Text: backwards(secret)}).Value.(map[string]any)
		if found := names(seen["found"]); len(found) > 0 {
			t.Errorf("the secret was found in %q", found)
		}
		if looked, _ := seen["looked"].(float64); looked < 20 {
			t.Errorf("only %v files were looked at", looked)
		}
		// The search finds what is the function's own.
		own := "own-" + secret
		w.rogue("g", "--env", "WORD="+own)
		w.do("g", order{Do: "write", Text: own})
		seen, _ = w.do("g", order{Do: "search", Text: backwards(own)}).Value.(map[string]any)
		if found := names(seen["found"]); !slices.Equal(found, []string{"/tmp/kept", "own environment"}) {
			t.Errorf("its own word was found in %q", found)
		}
	})
}

func TestWithoutANetworkNothingOfTheHostIsReached(t *testing.T) {
	inEachTier(t, func(t *testing.T, w world) {
		server, err := url.Parse(w.url)
		if err != nil {
			t.Fatal(err)
		}
		w.rogue("victim", "--contract", "http")
		w.do("victim", order{})
		w.rogue("f")
		reached := w.do("f", order{Do: "reach", Text: strings.Join([]string{
			"tcp " + server.Host, // Rouse itself
			"tcp 127.0.0.1:8080", // where another function listens
			"tcp 172.17.0.1:22", "tcp 169.254.169.254:80", "tcp 192.0.2.1:80", "udp 192.0.2.1:53", "tcp [::1]:" + server.Port(),
			"unix /var/run/docker.sock", "unix /run/docker.sock", "unixpacket /rouse/agent.sock",
			"unix @rouse", "unixpacket " + filepath.Join(w.data, "run"),
		}, ",")}).Value
		if got := names(reached); len(got) > 0 {
			t.Errorf("a function reached %q", got)
		}
		if got := names(w.do("f", order{Do: "reach", Text: "tcp 127.0.0.1:9001"}).Value); len(got) != 1 {
			t.Error("not even its own Runtime API is reached: this test shows nothing")
		}
	})
}

func TestWhatAFunctionExhaustsIsItsOwn(t *testing.T) {
	inEachTier(t, func(t *testing.T, w world) {
		w.rogue("neighbour")
		before := w.do("neighbour", order{})
		for _, c := range []struct {
			what string
			n    int
			most int // that it may get; 0 when its memory is the limit
			flag string
		}{
			{"processes", 3000, 1024, "--memory=256MB"},
			{"descriptors", 2_000_000, 0, "--memory=64MB"},
			{"names", 2_000_000, 0, "--memory=64MB"},
			{"disk", 200, 0, "--writable"},
		} {
			name := "f-" + c.what
			w.rogue(name, "--tmp", "32MB", c.flag)
			r := w.ask(name, order{Do: "exhaust", Text: c.what, N: c.n})
			got, _ := r.Value.(map[string]any)
			took, ok := got["took"].(float64)
			switch {
			case ok && (int(took) == c.n || c.most > 0 && int(took) > c.most):
				if c.what != "disk" { // which is found a moment later
					t.Errorf("%s: it took %v", c.what, took)
				}
			case !ok && r.err.Code != rouse.FunctionError:
				t.Errorf("%s: status %d %s", c.what, r.status, r.body)
			}
			t.Logf("%s: %v %s", c.what, got, r.err.Message)
		}
		until(t, "what wrote too much is gone", func() bool {
			return strings.TrimSpace(w.must("ps", "f-disk", "--json")) == "[]"
		})
		for _, name := range []string{"f-disk", "f-names", "f-processes"} { // and they go on
			w.do(name, order{})
		}
		if again := w.do("neighbour", order{}); again.PID != before.PID || again.Calls != 2 {
			t.Errorf("the neighbour: %+v", again)
		}
		if left, err := os.ReadDir(filepath.Join(w.data, "writable")); err == nil && len(left) > 1 {
			t.Errorf("%d folders of what was written are left", len(left))
		}
	})
}
