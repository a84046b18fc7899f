package main

import (
	"context"
	"errors"
	"fmt"
)

// cellPython measures the first answer of a Python function that was never called
// before, from a spare cell, beside the same interpreter with the same imports from
// a shell on this host.
func cellPython(ctx context.Context, l *lab) (results []result, err error) {
	p, err := l.serve("cell-python", "docker", "--cells", "2")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	python, err := l.python()
	if err != nil {
		return nil, err
	}
	spec, err := p.code(ctx, python.Dir, "python3.11", "app.handler")
	if err != nil {
		return nil, err
	}
	got, err := l.atLeast(50).neverCalled(ctx, p, spec, "shell", func() (float64, error) { return fromShell(ctx, python) })
	if err != nil {
		return nil, err
	}
	own, shell := got.median("rouse"), got.median("shell")
	return []result{judge(own-shell <= 8, result{
		Asked:    "first answer from a spare cell, Docker, Python handler never called before, standard library only, beside the same interpreter and imports from a shell",
		Bound:    "at most 8 ms above",
		Measured: fmt.Sprintf("%+.1f ms (%.1f ms, p99 %.1f ms, shell %.1f ms)", own-shell, own, got.p99("rouse"), shell),
		Medians:  got.medians("ms"),
	})}, nil
}

// atLeast is l with so many rounds, unless few are wanted.
func (l *lab) atLeast(rounds int) *lab {
	const quick = 10
	if l.rounds <= quick || l.rounds >= rounds {
		return l
	}
	more := *l
	more.rounds = rounds
	return &more
}
