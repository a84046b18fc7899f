package logs

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rousehq/rouse"
)

func filePipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() }) //nolint:errcheck // closed before, mostly
	return r, w
}

func TestWhatWasPrintedBeforeTheEndStandsBeforeIt(t *testing.T) {
	l := openTest(t, Options{})
	stdout, out := filePipe(t)
	stderr, err := filePipe(t)
	c := collect(t, l, Source{Function: "f", Instance: "i"}, stdout, stderr)
	var want []string
	for i := range 200 {
		id := fmt.Sprint(i)
		c.Begin(id, "START "+id, false)
		fmt.Fprintf(out, "out %s\n", id) //nolint:errcheck // read until it is closed
		c.Say("between " + id)
		fmt.Fprintf(err, "half %s", id) //nolint:errcheck // as above
		if kept := c.End("END "+id, "REPORT "+id); kept != nil {
			t.Fatalf("kept %q for nobody", kept)
		}
		want = append(want, "START "+id, "out "+id, "between "+id, "half "+id, "END "+id, "REPORT "+id)
	}
	out.Close() //nolint:errcheck // never fails
	err.Close() //nolint:errcheck // never fails
	c.Wait()
	same(t, texts(t, l, "f", Query{}), want)
	same(t, texts(t, l, "f", Query{RequestID: "7"}), []string{"START 7", "out 7", "between 7", "half 7", "END 7", "REPORT 7"})
}

func TestWhatWasPrintedBeforeTheFirstEventBelongsToNone(t *testing.T) {
	l := openTest(t, Options{})
	for i := range 200 {
		stdout, out := filePipe(t)
		name := rouse.FunctionName(fmt.Sprint("f", i))
		c := collect(t, l, Source{Function: name, Instance: "i"}, stdout, nil)
		fmt.Fprintln(out, "loading") //nolint:errcheck // read until it is closed
		c.Drain()
		c.Begin("a", "START", false)
		c.End("END")
		out.Close() //nolint:errcheck // never fails
		c.Wait()
		same(t, texts(t, l, name, Query{}), []string{"loading", "START", "END"})
		same(t, texts(t, l, name, Query{RequestID: "a"}), []string{"START", "END"})
	}
}

func TestTheEndOfAnEventsLogIsKeptForWhoWantsIt(t *testing.T) {
	l := openTest(t, Options{})
	stdout, out := filePipe(t)
	c := collect(t, l, Source{Function: "f", Instance: "i"}, stdout, nil)
	c.Say("INIT_START")
	c.Begin("a", "START", true)
	fmt.Fprintln(out, "hello") //nolint:errcheck // read until it is closed
	if got := string(c.End("END", "REPORT")); got != "START\nhello\nEND\nREPORT\n" {
		t.Errorf("got %q", got)
	}
	c.Begin("b", "START", true)
	for i := range 1000 {
		fmt.Fprintf(out, "%d %s\n", i, strings.Repeat("x", 40)) //nolint:errcheck // as above
	}
	got := string(c.End("END"))
	if len(got) != maxExcerpt || !strings.HasSuffix(got, "\n999 "+strings.Repeat("x", 40)+"\nEND\n") {
		t.Errorf("got %d bytes, ending in %q", len(got), got[max(0, len(got)-60):])
	}
	if got := c.End("END"); got != nil {
		t.Errorf("got %q of an event that is over", got)
	}
	out.Close() //nolint:errcheck // never fails
	c.Wait()
}

// A sandbox's end closes the streams before anybody can say what it meant.
func TestTheLastLinesMayComeAfterTheStreams(t *testing.T) {
	l := openTest(t, Options{})
	c := collect(t, l, Source{Function: "f", Instance: "i"}, strings.NewReader("last words\n"), nil)
	c.Wait()
	c.End("END")
	same(t, texts(t, l, "f", Query{}), []string{"last words", "END"})
	if err := l.Remove("f"); err != nil {
		t.Fatal(err)
	}
	c.End("of a function that was removed")
	same(t, texts(t, l, "f", Query{}), []string{})
}

func TestLinesThatWaitAreReadAtOnce(t *testing.T) {
	l := openTest(t, Options{})
	stdout, _ := filePipe(t)
	c := collect(t, l, Source{Function: "f", Instance: "i"}, stdout, nil)
	c.Begin("a", "START", false)
	same(t, texts(t, l, "f", Query{}), []string{"START"})
}

// What it costs an event to have its lines in the log.
func BenchmarkLinesOfAnEvent(b *testing.B) {
	l, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	stdout, out, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	stderr, out2, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	c := collect(b, l, Source{Function: "f", Instance: "i", Revision: "0123456789abcdef0123456789abcdef"}, stdout, stderr)
	const id = "5f9d0a5c-6b1e-4f4e-9d35-0a8f6f1c2d3e"
	for b.Loop() {
		c.Begin(id, "START RequestId: "+id+" Version: $LATEST", false)
		c.End("END RequestId: "+id,
			"REPORT RequestId: "+id+"\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t")
	}
	out.Close()  //nolint:errcheck // never fails
	out2.Close() //nolint:errcheck // never fails
	c.Wait()
}

func TestWhatIsToldOfAnEventIsText(t *testing.T) {
	l := openTest(t, Options{})
	stdout, out := filePipe(t)
	c := collect(t, l, Source{Function: "f", Instance: "i"}, stdout, nil)
	c.Begin("a", "START", true)
	fmt.Fprint(out, "a\xffb\n") //nolint:errcheck // read until it is closed
	if got := string(c.End("END")); got != "START\na\ufffdb\nEND\n" {
		t.Errorf("of bytes that are no text: %q", got)
	}
	c.Begin("b", "START", true)
	fmt.Fprintln(out, strings.Repeat("日", maxExcerpt)) //nolint:errcheck // as above
	if got := c.End(); len(got) > maxExcerpt || len(got) < maxExcerpt-3 || !utf8.Valid(got) {
		t.Errorf("cut to %d bytes: %q", len(got), got[:10])
	}
	out.Close() //nolint:errcheck // never fails
	c.Wait()
}
