package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The verdicts. What nothing is asked of is recorded.
const (
	met      = "met"
	notMet   = "not met"
	recorded = "recorded"
)

// result is one line of the report.
type result struct {
	Asked    string             `json:"asked"`
	Bound    string             `json:"bound,omitempty"`
	Measured string             `json:"measured"`
	Verdict  string             `json:"verdict"`
	Medians  map[string]float64 `json:"medians,omitempty"`
}

// judge completes a result by whether it is met. Why one is not is for README.md
// to say.
func judge(ok bool, r result) result {
	r.Verdict = met
	if !ok {
		r.Verdict = notMet
	}
	return r
}

// entry is what one benchmark measured at one time.
type entry struct {
	When    string   `json:"when"`
	Load    string   `json:"load"` // of the machine, when it had ended
	Results []result `json:"results"`
}

// report keeps the last results of every benchmark.
type report struct {
	dir     string
	Machine machine          `json:"machine"`
	Entries map[string]entry `json:"benchmarks"`
}

func openReport(ctx context.Context, dir string) (*report, error) {
	r := &report{dir: dir, Machine: thisMachine(ctx), Entries: map[string]entry{}}
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	before := report{}
	if err := json.Unmarshal(b, &before); err != nil {
		return nil, fmt.Errorf("results.json: %w", err)
	}
	if before.Machine == r.Machine { // what another machine measured is of no use here
		r.Entries = before.Entries
	}
	return r, nil
}

// put replaces a benchmark's results and writes both files.
func (r *report) put(name string, results []result) error {
	r.Entries[name] = entry{When: time.Now().UTC().Format(time.DateTime), Load: load(), Results: results}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "results.json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "RESULTS.md"), []byte(r.markdown()), 0o644)
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# Results\n\nWritten by `make bench`; [README.md](README.md) says what is measured and how.\n\n")
	r.Machine.write(&b)
	b.WriteString("\n| what | asked | measured | verdict |\n|---|---|---|---|\n")
	each := func(visit func(name string, e entry)) {
		for _, bench := range benchmarks {
			if e, ok := r.Entries[bench.name]; ok {
				visit(bench.name, e)
			}
		}
	}
	each(func(_ string, e entry) {
		for _, res := range e.Results {
			verdict := res.Verdict
			if verdict == notMet {
				verdict = "**not met**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", res.Asked, cmp.Or(res.Bound, "–"), res.Measured, verdict)
		}
	})
	b.WriteString("\n## Medians\n\n| benchmark | when (UTC) | load | medians |\n|---|---|---|---|\n")
	each(func(name string, e entry) {
		for _, res := range e.Results {
			if len(res.Medians) == 0 {
				continue
			}
			var parts []string
			for _, side := range slices.Sorted(maps.Keys(res.Medians)) {
				parts = append(parts, fmt.Sprintf("%s %g", side, res.Medians[side]))
			}
			fmt.Fprintf(&b, "| %s: %s | %s | %s | %s |\n", name, res.Asked, e.When, e.Load, strings.Join(parts, ", "))
		}
	})
	return b.String()
}
