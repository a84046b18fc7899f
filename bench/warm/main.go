// Command warm measures warm calls: Rouse's data path beside a tuned
// httputil.ReverseProxy in front of the same server, alternating, with wrk as
// the client. Every part is a process of its own, all on loopback.
//
//	go run ./bench/warm [-rounds 30] [-time 1s]
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			log.Fatal(part(os.Args[2:]))
		}
	}
	rounds := flag.Int("rounds", 30, "measurements of each kind")
	length := flag.Duration("time", time.Second, "length of a measurement")
	flag.Parse()
	if err := run(*rounds, *length); err != nil {
		log.Fatal(err)
	}
}

// parts are the processes that the benchmark is made of.
var parts = map[string]func(args []string) error{
	"echo":    echo,
	"reverse": reverse,
	"http":    forward,
	"lambda":  invoke,
	"fn":      function,
}

// figure is what one wrk run measured.
type figure struct {
	rate float64 // requests per second
	p50  time.Duration
}

func run(rounds int, length time.Duration) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "warm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "post.lua")
	lua := `wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"; wrk.body = "\"" .. string.rep("x", 1022) .. "\""`
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		return err
	}
	var children []*exec.Cmd
	defer func() {
		for _, c := range children {
			c.Process.Kill()
			c.Wait()
		}
	}()
	start := func(args ...string) (string, error) {
		cmd := exec.Command(self, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return "", err
		}
		if err := cmd.Start(); err != nil {
			return "", err
		}
		children = append(children, cmd)
		line, err := bufio.NewReader(out).ReadString('\n')
		return strings.TrimSpace(line), err
	}
	server, err := start("echo")
	if err != nil {
		return err
	}
	fronts := []string{"reverse", "http", "lambda"}
	addrs := map[string]string{"direct": server}
	for _, name := range fronts {
		if addrs[name], err = start(name, server); err != nil {
			return err
		}
	}
	names := append([]string{"direct"}, fronts...)
	got := map[string][]figure{}
	for range rounds {
		for _, conns := range []int{1, 32} {
			for _, name := range names {
				f, err := wrk(addrs[name], script, conns, length)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				key := fmt.Sprint(name, conns)
				got[key] = append(got[key], f)
			}
		}
	}
	return report(names, got)
}

func report(names []string, got map[string][]figure) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "front\tp50, 1 conn\tratio\trequests/s, 32 conns\tratio\t")
	p50 := func(name string) time.Duration {
		return median(got[name+"1"], func(f figure) float64 { return float64(f.p50) }).duration()
	}
	rate := func(name string) float64 {
		return float64(median(got[name+"32"], func(f figure) float64 { return f.rate }))
	}
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.0f\t%.2f\t\n", name, p50(name),
			float64(p50(name))/float64(p50("reverse")), rate(name), rate(name)/rate("reverse"))
	}
	return w.Flush()
}

type number float64

func (n number) duration() time.Duration { return time.Duration(n) }

func median(figures []figure, of func(figure) float64) number {
	values := make([]float64, len(figures))
	for i, f := range figures {
		values[i] = of(f)
	}
	slices.Sort(values)
	return number(values[len(values)/2])
}

var (
	ratePattern = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	p50Pattern  = regexp.MustCompile(`50%\s+([0-9.]+(?:us|ms|s))`)
	badPattern  = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: .*`)
)

func wrk(addr, script string, conns int, length time.Duration) (figure, error) {
	out, err := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(conns), "-d"+length.String(), "--latency", "-s", script,
		"http://"+addr+"/fn/echo/").CombinedOutput()
	if err != nil {
		return figure{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if bad := badPattern.Find(out); bad != nil {
		return figure{}, fmt.Errorf("wrk: %s", bad)
	}
	rate, p50 := ratePattern.FindSubmatch(out), p50Pattern.FindSubmatch(out)
	if rate == nil || p50 == nil {
		return figure{}, fmt.Errorf("wrk said %s", out)
	}
	var f figure
	if f.rate, err = strconv.ParseFloat(string(rate[1]), 64); err != nil {
		return f, err
	}
	f.p50, err = time.ParseDuration(string(p50[1]))
	return f, err
}
