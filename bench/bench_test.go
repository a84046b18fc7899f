package main

import (
	"slices"
	"testing"
	"time"
)

func TestTheMedianIsTheMiddleOne(t *testing.T) {
	s := samples{"odd": {9, 1, 5}, "even": {4, 1, 2, 100}}
	if got := s.median("odd"); got != 5 {
		t.Errorf("odd: got %g", got)
	}
	if got := s.median("even"); got != 3 {
		t.Errorf("even: got %g", got)
	}
}

func TestSidesAreMeasuredInTurn(t *testing.T) {
	var order []string
	got, err := alternate(2, []string{"a", "b", "c"}, func(side string) (float64, error) {
		order = append(order, side)
		return float64(len(order)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "b", "c", "a"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if want := []float64{1, 6}; !slices.Equal(got["a"], want) {
		t.Errorf("a has %v, want %v", got["a"], want)
	}
}

const wrkOutput = `Running 1s test @ http://127.0.0.1:1/
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   215.50us   78.43us   1.44ms   89.50%
    Req/Sec     4.55k   250.99     4.85k    81.82%
  Latency Distribution
     50%  201.00us
     75%  233.00us
     90%  273.00us
     99%    1.05ms
  4979 requests in 1.10s, 6.01MB read
Requests/sec:   4527.35
Transfer/sec:      5.46MB
`

func TestWrksFiguresAreRead(t *testing.T) {
	got, err := read([]byte(wrkOutput))
	if want := (figure{rate: 4527.35, p50: 201 * time.Microsecond, p99: 1050 * time.Microsecond}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "  Non-2xx or 3xx responses: 7\n" + wrkOutput, "  Socket errors: connect 0, read 3, write 0, timeout 0\n" + wrkOutput} {
		if got, err := read([]byte(bad)); err == nil {
			t.Errorf("%.40q: got %+v, want an error", bad, got)
		}
	}
}

func TestALineIsJudgedByItsBound(t *testing.T) {
	if r := judge(true, result{}); r.Verdict != met {
		t.Errorf("got %q", r.Verdict)
	}
	if r := judge(false, result{}); r.Verdict != notMet {
		t.Errorf("got %q", r.Verdict)
	}
}

func TestBenchmarksAreChosenByNameAndGroup(t *testing.T) {
	for only, want := range map[string]int{"": len(benchmarks), "cold": 1, "cold,noisy": 2, "cells": 8, "cells,cell,cold": 9} {
		if got, err := chosen(only); err != nil || len(got) != want {
			t.Errorf("%q: %v, %v", only, got, err)
		}
	}
	for _, bad := range []string{"cels", "cold,", "all"} {
		if got, err := chosen(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
	for name, members := range groups {
		for _, member := range members {
			if got, err := chosen(member); err != nil || len(got) != 1 {
				t.Errorf("group %s: %s is no benchmark", name, member)
			}
		}
	}
}
