package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// benchmarks is the table of what can be measured, in the order of the report.
var benchmarks = []struct {
	name string
	run  func(context.Context, *lab) ([]result, error)
}{
	{"cold", cold},
	{"cell", cell},
	{"gone", gone},
	{"cell-few", fewCells},
	{"sustained", sustained},
	{"frozen", frozen},
	{"cell-python", cellPython},
	{"zygote", zygote},
	{"cell-image", cellImage},
	{"restart", restart},
	{"warm-http", warmHTTP},
	{"warm-lambda", warmLambda},
	{"warm-invoke", warmInvoke},
	{"boto3", boto3},
	{"burst", burst},
	{"held", held},
	{"idle", idle},
	{"noisy", noisy},
	{"size", size},
	{"async-accept", asyncAccept},
	{"async-lone", asyncLone},
	{"async-million", asyncMillion},
	{"sqs", sqs},
}

// groups are words for several of them.
var groups = map[string][]string{
	"cells": {"cell", "gone", "cell-few", "sustained", "frozen", "cell-python", "zygote", "cell-image"},
	"async": {"async-accept", "async-lone", "async-million", "sqs"},
}

// chosen are the benchmarks that only names, separated by commas; "" is all.
func chosen(only string) (map[string]bool, error) {
	known := make([]string, len(benchmarks))
	for i, b := range benchmarks {
		known[i] = b.name
	}
	names := strings.Split(only, ",")
	if only == "" {
		names = known
	}
	run := make(map[string]bool)
	for _, name := range names {
		if !slices.Contains(known, name) && groups[name] == nil {
			return nil, fmt.Errorf("-run %s: there is no such benchmark; there are %s, and the groups %s",
				name, strings.Join(known, ", "), strings.Join(slices.Sorted(maps.Keys(groups)), ", "))
		}
		members, ok := groups[name]
		if !ok {
			members = []string{name}
		}
		for _, member := range members {
			run[member] = true
		}
	}
	return run, nil
}

// lab is what the benchmarks share.
type lab struct {
	rouse, agent string // the programs under test
	self         string // this program, whose parts run as processes of their own
	dir          string // scratch
	function     string // folder with the function program, named bootstrap
	rounds       int    // measurements of each side
	slice        time.Duration
}

// headroom counts as a part of the heap and is never touched. A platform has as
// much, so that its small heap is not collected dozens of times a second; parts of
// it that run in this process are measured under the same terms.
const headroom = 16 << 20

func main() {
	defer runtime.KeepAlive(make([]byte, headroom))
	log.SetFlags(0)
	if len(os.Args) == 2 {
		switch os.Args[1] { // a server beside Rouse
		case "reverse":
			log.Fatal(reverse())
		case "bare":
			log.Fatal(bare())
		}
	}
	if len(os.Args) == 4 && os.Args[1] == "million" {
		if err := runMillion(os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
		return
	}
	bin := flag.String("bin", "bin", "folder with rouse and rouse-agent")
	out := flag.String("out", "bench", "folder for RESULTS.md and results.json")
	only := flag.String("run", "", "benchmarks or groups to run, separated by commas; default all")
	rounds := flag.Int("rounds", 30, "measurements of each side of a ratio")
	slice := flag.Duration("slice", time.Second, "length of one measurement under load, in whole seconds")
	quick := flag.Bool("quick", false, "few rounds: to see that everything runs, not to be quoted")
	flag.Parse()
	if *quick {
		*rounds = 3
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *out, *only, *rounds, *slice); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, bin, out, only string, rounds int, slice time.Duration) error {
	wanted, err := chosen(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rouse-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // functions run as other users
		return err
	}
	l, err := newLab(ctx, bin, dir)
	if err != nil {
		return err
	}
	l.rounds, l.slice = rounds, slice
	r, err := openReport(ctx, out)
	if err != nil {
		return err
	}
	for _, b := range benchmarks {
		if !wanted[b.name] {
			continue
		}
		log.Printf("%s …", b.name)
		began := time.Now()
		results, err := b.run(ctx, l)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		for _, res := range results {
			log.Printf("  %-8s %s: %s", res.Verdict, res.Asked, res.Measured)
		}
		log.Printf("  took %s", time.Since(began).Round(time.Second))
		if err := r.put(b.name, results); err != nil {
			return err
		}
	}
	return nil
}

func newLab(ctx context.Context, bin, dir string) (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	l := &lab{
		rouse: filepath.Join(bin, "rouse"), agent: filepath.Join(bin, "rouse-agent"),
		self: self, dir: dir, function: filepath.Join(dir, "function"),
	}
	for _, program := range []string{l.rouse, l.agent, "wrk", "nginx", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is needed: %w", program, err)
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-o", filepath.Join(l.function, "bootstrap"), "./bench/fn")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the function: %w: %s", err, out)
	}
	return l, nil
}
