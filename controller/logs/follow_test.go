package logs

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
)

// What is followed arrives once and in order, over rotations, from the moment
// that the reading begins.
func TestFollowingMissesAndRepeatsNothing(t *testing.T) {
	l := openTest(t, Options{MaxFile: 4 << 10, Keep: 1000})
	const before, total = 50, 2000
	r, w := io.Pipe()
	c := collect(t, l, Source{Function: "f"}, r, nil)
	for i := range before {
		fmt.Fprintf(w, "%d\n", i) //nolint:errcheck // as above
	}
	var followers sync.WaitGroup
	started := make(chan struct{}, 3)
	for _, tail := range []int{0, 1, before * 2} {
		followers.Go(func() {
			next := -1
			for line, err := range l.Read(t.Context(), "f", Query{Follow: true, Tail: tail}) {
				var n int
				if _, scanErr := fmt.Sscan(line.Text, &n); err != nil || scanErr != nil {
					t.Errorf("tail %d: %v, %v", tail, err, scanErr)
					return
				}
				if next >= 0 && n != next {
					t.Errorf("tail %d: line %d came after %d", tail, n, next-1)
					return
				}
				if next < 0 {
					started <- struct{}{}
				}
				if next = n + 1; next == total {
					return
				}
			}
		})
	}
	for i := before; i < total; i++ {
		if i == before+200 {
			for range 3 {
				<-started
			}
		}
		fmt.Fprintf(w, "%d\n", i) //nolint:errcheck // as above
	}
	followers.Wait()
	w.Close() //nolint:errcheck // never fails
	c.Wait()
}

// Following waits for an event and nothing else, and ends with its context.
func TestFollowingWaitsWithoutPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(filepath.Join(t.TempDir(), "logs"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for line, err := range l.Read(ctx, "f", Query{Follow: true, Tail: -1}) {
				if err != nil {
					t.Error(err)
				}
				got = append(got, line.Text)
			}
		}()
		synctest.Wait() // durably blocked: no timer, no system call
		said(t, l, "f", "one\n")
		synctest.Wait()
		same(t, got, []string{"one"})
		said(t, l, "f", "two\n")
		synctest.Wait()
		cancel()
		<-done
		same(t, got, []string{"one", "two"})
	})
}

func TestRemovingEndsFollowersAndDropsWhatComesLater(t *testing.T) {
	l := openTest(t, Options{})
	r, w := io.Pipe()
	c := collect(t, l, Source{Function: "f"}, r, nil)
	io.WriteString(w, "one\n") //nolint:errcheck // read until closed
	lines := make(chan string)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for line, err := range l.Read(t.Context(), "f", Query{Follow: true}) {
			if err != nil {
				t.Error(err)
			}
			lines <- line.Text
		}
	}()
	<-lines
	if err := l.Remove("f"); err != nil {
		t.Fatal(err)
	}
	<-ended
	io.WriteString(w, "late\n") //nolint:errcheck // as above
	w.Close()                   //nolint:errcheck // never fails
	c.Wait()
	if _, err := os.Stat(filepath.Join(l.dir, "f")); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
	said(t, l, "f", "another function\n")
	same(t, texts(t, l, "f", Query{}), []string{"another function"})
	if err := l.Remove("f"); err != nil {
		t.Error(err)
	}
	if err := l.Remove("f"); err != nil {
		t.Errorf("again: %v", err)
	}
}
