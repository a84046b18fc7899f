package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

func TestNoRequestFailsWhileRevisionsChange(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		deploys := 20
		if w.docker != nil {
			deploys = 6 // each makes containers
		}
		w.rogue("event", "--env", "WORD=0")
		w.rogue("web", "--env", "WORD=0", "--contract", "http", "--concurrency", "8")
		var clients sync.WaitGroup
		var over atomic.Bool
		var answered atomic.Int64
		for _, name := range []string{"event", "web"} {
			clients.Go(func() {
				for !over.Load() {
					r, err := w.try(name, order{})
					if err != nil || r.status != http.StatusOK {
						t.Errorf("%s: %v, %d %s", name, err, r.status, r.body)
						return
					}
					answered.Add(1)
				}
			})
		}
		for i := 1; i <= deploys; i++ {
			word := fmt.Sprint(i)
			w.rogue("event", "--env", "WORD="+word)
			w.rogue("web", "--env", "WORD="+word, "--contract", "http")
			for _, name := range []string{"event", "web"} {
				if r := w.do(name, order{}); r.Word != word {
					t.Errorf("%s: revision %s answers after %s was deployed", name, r.Word, word)
				}
			}
		}
		over.Store(true)
		clients.Wait()
		if n := answered.Load(); n < int64(deploys) {
			t.Errorf("only %d requests ran beside %d deployments", n, deploys)
		}
		until(t, "earlier revisions drain", func() bool {
			var fns []adminapi.FunctionView
			var instances []rouse.Instance
			if err := errors.Join(json.Unmarshal([]byte(w.must("ls", "--json")), &fns), json.Unmarshal([]byte(w.must("ps", "--json")), &instances)); err != nil {
				t.Fatal(err)
			}
			return !slices.ContainsFunc(instances, func(i rouse.Instance) bool {
				return !slices.ContainsFunc(fns, func(fn adminapi.FunctionView) bool { return fn.Latest == i.Revision })
			})
		})
	})
}

func TestARevisionThatFailsLeavesTheOldOneServing(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--env", "WORD=old")
		first := w.do("f", order{})
		for range 3 {
			r := w.rouse(append(append([]string{"deploy", "f"}, w.rogueCode()...), "--env", "CRASH=no config")...)
			if r.code != exitFailed || !strings.Contains(r.stderr, "no config") || !strings.Contains(r.stderr, "exit status 3") {
				t.Errorf("deploy: %+v", r)
			}
		}
		if r := w.do("f", order{}); r.Word != "old" || r.PID != first.PID || r.Calls != 2 {
			t.Errorf("after failed deployments: %+v", r)
		}
	})
}

func TestInvokeShowsTheLinesOfItsCall(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.rogue("f", "--timeout", "1s")
		for i := range 3 {
			line := fmt.Sprintf("line %d", i)
			r := w.rouse("invoke", "f", "--log", "-d", `{"do":"say","text":"`+line+`"}`)
			said := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
			if r.code != exitDone || len(said) != 4 || !strings.HasPrefix(said[0], "START RequestId: ") || said[1] != line ||
				!strings.HasPrefix(said[2], "END RequestId: ") || !strings.Contains(said[3], "\tMax Memory Used: ") {
				t.Errorf("%+v, want the line %q between those of its event", r, line)
			}
			if cold := strings.Contains(r.stderr, "\tInit Duration: "); cold != (i == 0) {
				t.Errorf("call %d: init in its report: %t", i, cold)
			}
		}
		r := w.rouse("invoke", "f", "--log", "-d", `{"do":"exit","n":2,"text":"last words"}`)
		if r.code != exitFailed || !strings.Contains(r.stderr, "last words") || !strings.Contains(r.stderr, "exit status 2") {
			t.Errorf("an exit: %+v", r)
		}
		r = w.rouse("invoke", "f", "--log", "-d", `{"do":"never"}`)
		if r.code != exitFailed || !strings.Contains(r.stderr, "never") || !strings.Contains(r.stderr, "timed out") {
			t.Errorf("a timeout: %+v", r)
		}
	})
}

// burst sends n orders at once and delivers what comes of them.
func (s *server) burst(name string, n int, o order) <-chan reply {
	replies := make(chan reply, n)
	for range n {
		go func() {
			r, err := s.try(name, o)
			if err != nil {
				s.t.Error(err)
			}
			replies <- r
		}()
	}
	return replies
}

func TestABurstAtZeroStartsNoMoreThanItMay(t *testing.T) {
	s := serve(t)
	w := world{server: s}
	w.rogue("f", "--no-wait", "--max-instances", "4", "--queue", "200")
	pids := map[int]int{}
	replies := w.burst("f", 200, order{})
	for range 200 {
		r := <-replies
		if r.status != http.StatusOK {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		pids[r.PID]++
	}
	if len(pids) > 4 {
		t.Errorf("%d processes answered, at most 4 may exist: %v", len(pids), pids)
	}
}

func TestWithoutAQueueExactlyTheOverflowIsRefused(t *testing.T) {
	s := serve(t)
	w := world{server: s}
	gate := newGate(t)
	w.rogue("f", "--no-wait", "--max-instances", "4", "--queue", "0")
	w.rogue("g")
	replies := w.burst("f", 200, order{Do: "gate", Text: gate})
	for range 196 {
		r := <-replies
		w.refused(r, rouse.Throttled, "queue is full")
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	w.do("g", order{}) // another function has nothing to do with it
	openGate(t, gate)
	for range 4 {
		if r := <-replies; r.status != http.StatusOK {
			t.Errorf("one that had room: status %d: %s", r.status, r.body)
		}
	}
}

func TestHeldRequestsAreBoundedByNumberBytesAndTime(t *testing.T) {
	s := serve(t)
	w := world{server: s}
	gate := newGate(t)
	const held = 400
	w.rogue("f", "--no-wait", "--max-instances", "1", "--queue", fmt.Sprint(held), "--env", "GATE="+gate)
	replies := w.burst("f", held+51, order{}) // one more has its own start
	for range 50 {
		w.refused(<-replies, rouse.Throttled, "queue is full")
	}
	w.rogue("bytes", "--no-wait", "--max-instances", "1", "--queue-bytes", "1MB", "--env", "GATE="+gate)
	large := w.burst("bytes", 4, order{Text: strings.Repeat("x", 400<<10)})
	for range 2 {
		w.refused(<-large, rouse.Throttled, "bodies")
	}
	w.rogue("impatient", "--no-wait", "--max-instances", "1", "--hold", "300ms", "--env", "GATE="+gate)
	w.refused(w.ask("impatient", order{}), rouse.Timeout, "no instance")
	openGate(t, gate)
	for range held + 1 {
		if r := <-replies; r.status != http.StatusOK {
			t.Fatalf("a held request: status %d: %s", r.status, r.body)
		}
	}
	for range 2 {
		if r := <-large; r.status != http.StatusOK {
			t.Errorf("a held large request: status %d: %s", r.status, r.body)
		}
	}
}
