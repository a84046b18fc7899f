package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// tooLong is longer than any call of these tests may take.
	tooLong = 40 * time.Second
	// recovery is how long functions may take to answer once their engine is back.
	recovery = 30 * time.Second
)

// crowd calls functions until it is told to go, and looks at what comes of
// every call.
type crowd struct {
	w    world
	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	ends  map[string]map[rouse.Code]int // of each function's calls; "" is an answer
	wrong []string
}

// newCrowd has callers of each function.
func newCrowd(w world, callers map[string]int) *crowd {
	c := &crowd{w: w, ends: map[string]map[rouse.Code]int{}}
	ctx, leave := context.WithCancel(context.Background())
	c.end = leave
	for name := range callers {
		c.ends[name] = map[rouse.Code]int{}
	}
	for name, n := range callers {
		for i := range n {
			c.work.Go(func() {
				for k := 0; ctx.Err() == nil; k++ {
					c.call(name, fmt.Sprint(name, i, ".", k))
				}
			})
		}
	}
	w.t.Cleanup(c.leave)
	return c
}

// call notes what comes of a call: what was said is to be heard, or an error of
// those that an engine's restart may bring.
func (c *crowd) call(name, word string) {
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	defer cancel()
	began := time.Now()
	r, err := c.w.tryUntil(ctx, name, order{Do: "say", Text: word})
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.wrong = append(c.wrong, fmt.Sprintf("%s: after %s: %v", name, time.Since(began), err))
		return
	case r.status == http.StatusOK && r.Value != word:
		c.wrong = append(c.wrong, fmt.Sprintf("%s: %q was answered with %s", name, word, r.body))
	case r.status == http.StatusOK:
	case r.err.Code == rouse.Unavailable, r.err.Code == rouse.StartFailed, r.err.Code == rouse.FunctionError:
	case r.err.Code == rouse.Throttled && name == "narrow":
	default:
		c.wrong = append(c.wrong, fmt.Sprintf("%s: %d %s", name, r.status, r.body))
	}
	c.ends[name][r.err.Code]++
}

// saw is how many of a function's calls have ended so.
func (c *crowd) saw(name string, end rouse.Code) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ends[name][end]
}

func (c *crowd) leave() {
	c.end()
	c.work.Wait()
}

// onOwnEngine has a crowd call functions of a server whose engine is the test's.
func onOwnEngine(t *testing.T, args ...string) (*daemon, world, *crowd) {
	t.Helper()
	d := newDaemon(t, args...)
	d.importRogue()
	w := world{serve(t, "--driver", "docker", "--cells", "2", "--reconnect", "2s"), d.engine}
	w.leavesNothing()
	w.spares(2)
	w.rogue("lambda")
	w.rogue("web", "--contract", "http", "--concurrency", "4")
	w.rogue("narrow", "--max-instances", "2", "--queue", "0")
	w.rogue("cold", "--no-wait")
	w.rogue("coldweb", "--no-wait", "--contract", "http")
	w.rogue("never", "--no-wait")
	w.rogue("removed")
	c := newCrowd(w, map[string]int{"lambda": 2, "web": 2, "narrow": 3, "cold": 1, "coldweb": 1})
	for name := range c.ends {
		until(t, name+" is under load", func() bool { return c.saw(name, "") > 5 })
	}
	return d, w, c
}

// recovers checks that all is as it was, soon after the engine came back: that
// functions answer, limits are exact, and nothing is left of what ended.
func (c *crowd) recovers(began time.Time) {
	t, w := c.w.t, c.w
	t.Helper()
	for name := range c.ends {
		before := c.saw(name, "")
		until(t, name+" answers again", func() bool { return c.saw(name, "") > before })
	}
	took := time.Since(began)
	t.Logf("all functions answer %s after the engine", took)
	if took > recovery {
		t.Errorf("functions answer %s after the engine is back", took)
	}
	c.leave()
	t.Logf("%v", c.ends)
	for _, wrong := range c.wrong {
		t.Error(wrong)
	}
	if t.Failed() {
		t.Logf("the server's log:\n%s", w.stderr)
	}
	w.spares(2)
	w.rests(0)
	held := w.burst("narrow", 2, order{Do: "sleep", N: 1500})
	until(t, "both are at work", func() bool { return w.status().InFlight == 2 })
	w.refused(w.ask("narrow", order{}), rouse.Throttled)
	for range 2 {
		if r := <-held; r.status != http.StatusOK {
			t.Errorf("one of two: %d %s", r.status, r.body)
		}
	}
	until(t, "nothing is left of what ended", func() bool {
		all := w.status().Cells.Ready
		for _, n := range w.status().Instances {
			all += n
		}
		records, err := os.ReadDir(filepath.Join(w.data, "run"))
		return err == nil && len(records) == all && len(w.docker.containers(w.data)) == all
	})
}

// Stopped, an engine ends its containers.
func TestAnEngineThatIsStoppedUnderLoad(t *testing.T) {
	d, w, c := onOwnEngine(t)
	stuck := w.burst("never", 1, order{Do: "never"})
	w.waitForLog("never", "never")
	d.stop()
	w.refused(<-stuck, rouse.FunctionError)
	for name := range c.ends {
		before := c.saw(name, rouse.Unavailable)
		until(t, name+" is said to be unavailable", func() bool { return c.saw(name, rouse.Unavailable) > before })
	}
	job := w.later("lambda", `{"do":"say","text":"later"}`, "")
	d.start()
	c.recovers(time.Now())
	if j := w.jobEnd(job); j.Status != rouse.JobSucceeded {
		b, _ := json.Marshal(j)
		t.Errorf("a job that was submitted meanwhile: %s", b)
	}
}

func TestAnEngineThatKeepsItsContainersRestartsUnderLoad(t *testing.T) {
	d, w, c := onOwnEngine(t, "--live-restore")
	for _, end := range []func(){d.stop, d.kill} {
		before := w.do("web", order{}) // which has one instance for all
		end()
		d.start()
		if now := w.do("web", order{}); now.PID != before.PID || now.Calls <= before.Calls {
			t.Errorf("what ran was disturbed: %+v, then %+v", before, now)
		}
	}
	w.must("rm", "removed")
	c.recovers(time.Now())
	for name, ends := range c.ends {
		if ends[rouse.FunctionError]+ends[rouse.Unavailable]+ends[rouse.StartFailed] > 0 {
			t.Errorf("%s: %v, want answers", name, ends)
		}
	}
}

// Killed, it ends them when it is back.
func TestAnEngineThatIsKilledUnderLoad(t *testing.T) {
	d, w, c := onOwnEngine(t)
	d.kill()
	for range 50 {
		for _, name := range []string{"lambda", "web"} {
			if r := w.do(name, order{}); r.begin() != "warm" {
				t.Errorf("%s began with %q", name, r.begin())
			}
		}
	}
	w.must("rm", "removed")
	d.start()
	c.recovers(time.Now())
}
