package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openTest(t testing.TB, o Options) *Logs {
	t.Helper()
	l, err := Open(filepath.Join(t.TempDir(), "logs"), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closer(r io.Reader) io.ReadCloser {
	if r == nil {
		return nil
	}
	if rc, ok := r.(io.ReadCloser); ok {
		return rc
	}
	return io.NopCloser(r)
}

func collect(t testing.TB, l *Logs, src Source, stdout, stderr io.Reader) *Collector {
	t.Helper()
	c, err := l.Collect(src, closer(stdout), closer(stderr), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said collects what fn prints and waits for its end.
func said(t testing.TB, l *Logs, fn rouse.FunctionName, text string) {
	t.Helper()
	collect(t, l, Source{Function: fn, Instance: "i"}, strings.NewReader(text), nil).Wait()
}

func texts(t testing.TB, l *Logs, fn rouse.FunctionName, q Query) []string {
	t.Helper()
	found := []string{}
	for line, err := range l.Read(t.Context(), fn, q) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, line.Text)
	}
	return found
}

func same(t testing.TB, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %.300q\nwant %.300q", got, want)
	}
}

func TestALineKnowsWhereItCameFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(filepath.Join(t.TempDir(), "logs"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		src := Source{Function: "f", Revision: "r", Instance: "i"}
		stdout, out := io.Pipe()
		c := collect(t, l, src, stdout, nil)
		c.Begin("req", "START", false)
		out.Write([]byte("out\n")) //nolint:errcheck // never fails
		out.Close()                //nolint:errcheck // never fails
		c.Wait()
		collect(t, l, src, nil, strings.NewReader("err <&>\xff\r\n")).Wait()
		var got []Line
		for line, err := range l.Read(t.Context(), "f", Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line)
		}
		want := []Line{
			{Time: now.UTC(), Stream: Platform, Instance: "i", Revision: "r", RequestID: "req", Text: "START"},
			{Time: now.UTC(), Stream: Stdout, Instance: "i", Revision: "r", RequestID: "req", Text: "out"},
			{Time: now.UTC(), Stream: Stderr, Instance: "i", Revision: "r", Text: "err <&>\ufffd"},
		}
		if !slices.EqualFunc(got, want, func(a, b Line) bool { at := a.Time.Equal(b.Time); a.Time = b.Time; return at && a == b }) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestQueriesSelectLines(t *testing.T) {
	l := openTest(t, Options{})
	r, w := io.Pipe()
	c := collect(t, l, Source{Function: "f", Instance: "i"}, r, nil)
	print := func(id, text string) {
		if id != "" {
			c.Begin(id, "START "+id, false)
		}
		next := c.nextRead()
		io.WriteString(w, text) //nolint:errcheck // read by the collector until it is closed
		<-next
	}
	print("", "init\n")
	print("a", "a1\na2\n")
	between := time.Now()
	print("b", "b1\n")
	print("a", "a3\n")
	w.Close() //nolint:errcheck // never fails
	c.Wait()
	all := []string{"init", "START a", "a1", "a2", "START b", "b1", "START a", "a3"}
	same(t, texts(t, l, "f", Query{}), all)
	same(t, texts(t, l, "f", Query{Tail: 2}), []string{"START a", "a3"})
	same(t, texts(t, l, "f", Query{Tail: 99}), all)
	same(t, texts(t, l, "f", Query{Tail: math.MaxInt}), all)
	same(t, texts(t, l, "f", Query{Tail: -1}), []string{})
	same(t, texts(t, l, "f", Query{RequestID: "a"}), []string{"START a", "a1", "a2", "START a", "a3"})
	same(t, texts(t, l, "f", Query{RequestID: "a", Tail: 1}), []string{"a3"})
	same(t, texts(t, l, "f", Query{RequestID: "init"}), []string{})
	same(t, texts(t, l, "f", Query{Since: between}), []string{"START b", "b1", "START a", "a3"})
	same(t, texts(t, l, "none", Query{}), []string{})
}

func TestBadNamesNeverBecomePaths(t *testing.T) {
	l := openTest(t, Options{})
	for _, name := range []rouse.FunctionName{"", "..", "a/b", "../logs"} {
		if _, err := l.Collect(Source{Function: name}, nil, nil, nil); rouse.CodeOf(err) != rouse.Invalid {
			t.Errorf("Collect(%q): %v", name, err)
		}
		if err := l.Remove(name); rouse.CodeOf(err) != rouse.Invalid {
			t.Errorf("Remove(%q): %v", name, err)
		}
		for _, err := range l.Read(t.Context(), name, Query{}) {
			if rouse.CodeOf(err) != rouse.Invalid {
				t.Errorf("Read(%q): %v", name, err)
			}
		}
	}
}

// However a stream is cut into pieces, its lines are the same; long ones are
// cut and marked, and the last one needs no end.
func TestLinesDoNotDependOnHowTheyArrive(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"plain":          {"a\nb\n", []string{"a", "b"}},
		"no end":         {"a\nb", []string{"a", "b"}},
		"empty lines":    {"\n\na\n\n", []string{"", "", "a", ""}},
		"windows":        {"a\r\nb\r\n", []string{"a", "b"}},
		"just fits":      {long + "\nb\n", []string{long, "b"}},
		"too long":       {long + "y\nb\n", []string{long + cutMark, "b"}},
		"much too long":  {long + long + long + "\nb\n", []string{long + cutMark, "b"}},
		"long, no end":   {long + "y", []string{long + cutMark}},
		"nothing":        {"", nil},
		"control, quote": {"\x1b[31m\"\\\t\x00\n", []string{"\x1b[31m\"\\\t\x00"}},
	} {
		for how, cut := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader, "with EOF": iotest.DataErrReader,
		} {
			t.Run(name+" in "+how, func(t *testing.T) {
				if how == "bytes" && len(test.text) > 1000 {
					t.Skip("a byte at a time is too slow for this one")
				}
				l := openTest(t, Options{})
				collect(t, l, Source{Function: "f"}, cut(strings.NewReader(test.text)), nil).Wait()
				same(t, texts(t, l, "f", Query{}), append([]string{}, test.want...))
			})
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab\n\r"))).Draw(r, "text")
		var whole, pieces splitter
		want := append(whole.split([]byte(text)), whole.rest()...)
		var got []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(r, "piece")
			got = append(got, pieces.split([]byte(rest[:n]))...)
			rest = rest[n:]
		}
		if got = append(got, pieces.rest()...); !slices.Equal(got, want) {
			r.Fatalf("%q became %q, want %q", text, got, want)
		}
	})
}

// Of many files the newest are kept, and reading crosses from one to the next.
func TestRotationKeepsTheNewestFiles(t *testing.T) {
	l := openTest(t, Options{MaxFile: 2 << 10, Keep: 3})
	var all []string
	for i := range 300 {
		all = append(all, fmt.Sprintf("line %d", i))
		said(t, l, "f", all[i]+"\n")
	}
	numbers, err := list(filepath.Join(l.dir, "f"))
	if err != nil || len(numbers) != 3 {
		t.Errorf("files %v, %v; want 3", numbers, err)
	}
	for _, n := range numbers {
		if info, err := os.Stat(fileName(filepath.Join(l.dir, "f"), n)); err != nil || info.Size() > 2<<10 {
			t.Errorf("file %d: %v, %v", n, info.Size(), err)
		}
	}
	kept := texts(t, l, "f", Query{})
	if len(kept) < 20 {
		t.Fatalf("only %d lines are left", len(kept))
	}
	same(t, kept, all[len(all)-len(kept):])
	for _, n := range []int{1, 10, len(kept) - 1, len(kept), len(kept) + 1} {
		same(t, texts(t, l, "f", Query{Tail: n}), kept[max(0, len(kept)-n):])
	}
}

// After a kill at any byte the whole lines are read, and what is printed later
// is not joined to the half one.
func TestATornLineIsCutOff(t *testing.T) {
	l := openTest(t, Options{})
	said(t, l, "f", "one\ntwo\n")
	path := fileName(filepath.Join(l.dir, "f"), 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(whole), '\n') + 1
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := []string{"one"}
		if cut < first {
			want = []string{}
		}
		same(t, texts(t, l, "f", Query{}), want)
		said(t, l, "f", "three\n")
		same(t, texts(t, l, "f", Query{}), append(want, "three"))
	}
	if err := os.WriteFile(path, []byte("{garbage\n"+string(whole)), 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, texts(t, l, "f", Query{Tail: 5}), []string{"one", "two"})
}

// When nobody runs and nobody reads, nothing is kept in memory or open.
func TestAnIdleFunctionCostsNothing(t *testing.T) {
	l := openTest(t, Options{})
	for i := range 50 {
		fn := rouse.FunctionName(fmt.Sprintf("f%d", i))
		said(t, l, fn, "x\n")
		texts(t, l, fn, Query{})
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.journals) != 0 || len(l.collectors) != 0 {
		t.Errorf("%d journals and %d collectors are left", len(l.journals), len(l.collectors))
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(target, l.dir) {
			t.Errorf("%s is open", target)
		}
	}
}

func TestTheTailHasTheLastLines(t *testing.T) {
	l := openTest(t, Options{})
	r, w := io.Pipe()
	c := collect(t, l, Source{Function: "f"}, r, nil)
	same(t, c.Tail(), []string{})
	next := c.nextRead()
	io.WriteString(w, "one\nhalf") //nolint:errcheck // read until closed
	<-next
	same(t, c.Tail(), []string{"one", "half"})
	for i := range 100 {
		next = c.nextRead()
		fmt.Fprintf(w, "%d\n", i) //nolint:errcheck // as above
		<-next
	}
	if tail := c.Tail(); len(tail) != tailLines || tail[tailLines-1] != "99" || tail[0] != "80" {
		t.Errorf("tail %q", tail)
	}
	next = c.nextRead()
	go io.WriteString(w, strings.Repeat("é", 100_000)+"\n") //nolint:errcheck // as above
	<-next
	w.Close() //nolint:errcheck // never fails
	c.Wait()
	if last := c.Tail()[tailLines-1]; len(last) > tailText+10 {
		t.Errorf("a line of %d bytes in the tail", len(last))
	}
}

// Settle is over when nothing came for a while, not before.
func TestSettleWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(filepath.Join(t.TempDir(), "logs"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		c := collect(t, l, Source{Function: "f"}, r, nil)
		go func() {
			for range 5 {
				<-time.After(15 * time.Millisecond) // of the bubble
				io.WriteString(w, "x\n")            //nolint:errcheck // read until closed
			}
		}()
		began := time.Now()
		c.Settle(t.Context(), 20*time.Millisecond)
		if took := time.Since(began); took != 95*time.Millisecond || len(c.Tail()) != 5 {
			t.Errorf("settled after %v with %q", took, c.Tail())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		c.Settle(ctx, time.Hour)
		w.Close() //nolint:errcheck // never fails
		c.Settle(t.Context(), time.Hour)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("an ended context or stream held it %v", took)
		}
		c.Wait()
	})
}

func TestCloseWaitsForCollectors(t *testing.T) {
	l := openTest(t, Options{})
	r, w := io.Pipe()
	c := collect(t, l, Source{Function: "f"}, r, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("while a stream is open: %v", err)
	}
	go func() {
		io.WriteString(w, "last words") //nolint:errcheck // read until closed
		w.Close()                       //nolint:errcheck // never fails
	}()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	same(t, texts(t, l, "f", Query{}), []string{"last words"})
	c.Wait()
}

// Both streams are closed when they have ended, and one that fails does not
// keep the other from being read.
func TestEndedStreamsAreClosed(t *testing.T) {
	l := openTest(t, Options{})
	broken := &closing{Reader: io.MultiReader(strings.NewReader("one\n"), iotest.ErrReader(errors.New("broken")))}
	whole := &closing{Reader: strings.NewReader("two\n")}
	collect(t, l, Source{Function: "f"}, broken, whole).Wait()
	if !broken.closed || !whole.closed {
		t.Errorf("closed: broken %v, whole %v", broken.closed, whole.closed)
	}
	got := texts(t, l, "f", Query{})
	slices.Sort(got)
	same(t, got, []string{"one", "two"})
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// Instances of one function print at once; no line is broken or lost.
func TestManyInstancesShareALog(t *testing.T) {
	l := openTest(t, Options{})
	var instances sync.WaitGroup
	for i := range 8 {
		instances.Go(func() {
			var out strings.Builder
			for k := range 200 {
				fmt.Fprintf(&out, "%d %d\n", i, k)
			}
			c, err := l.Collect(Source{Function: "f"}, closer(strings.NewReader(out.String())), closer(iotest.HalfReader(strings.NewReader(out.String()))), nil)
			if err != nil {
				t.Error(err)
				return
			}
			c.Wait()
		})
	}
	instances.Wait()
	count := map[string]int{}
	for _, text := range texts(t, l, "f", Query{}) {
		count[text]++
	}
	if len(count) != 8*200 {
		t.Errorf("%d different lines, want 1600", len(count))
	}
	for text, n := range count {
		if n != 2 {
			t.Errorf("%q is there %d times, want 2", text, n)
		}
	}
}
