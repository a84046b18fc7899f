package link

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// waitFor looks until ok, for what sends no event.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("it did not happen")
		}
	}
}

// descendants are the living processes below the agent, as "pid state".
func (b *box) descendants() []string {
	type proc struct{ pid, state string }
	children := map[string][]proc{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[0] != "Z" && fields[0] != "X" {
			children[fields[1]] = append(children[fields[1]], proc{e.Name(), fields[0]})
		}
	}
	var found []string
	next := []string{strconv.Itoa(b.agent.Process.Pid)}
	for len(next) > 0 {
		pid := next[0]
		next = next[1:]
		for _, c := range children[pid] {
			found = append(found, c.pid+" "+c.state)
			next = append(next, c.pid)
		}
	}
	return found
}

// allIn says that every descendant is in one of states.
func (b *box) allIn(states string) bool {
	return !slices.ContainsFunc(b.descendants(), func(s string) bool {
		_, state, _ := strings.Cut(s, " ")
		return !strings.Contains(states, state)
	})
}

// alive says whether pid runs still.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
