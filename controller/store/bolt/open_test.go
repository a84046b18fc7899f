package bolt

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store/storetest"
)

// An unknown file is refused, and not a byte of it changes.
func TestUnknownFilesAreRefusedUntouched(t *testing.T) {
	bucketed := func(change func(*bbolt.Tx) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			// Without a synced free list bbolt rewrites a file that it opens for writing.
			db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Update(change); err != nil {
				t.Fatal(err)
			}
			db.Close() //nolint:errcheck // Open would tell
		}
	}
	for name, test := range map[string]struct {
		make func(*testing.T, string)
		want string
	}{
		"a later schema": {bucketed(func(tx *bbolt.Tx) error {
			m, err := tx.CreateBucket(meta)
			if err != nil {
				return err
			}
			if err := m.Put(keyFormat, []byte(format)); err != nil {
				return err
			}
			return m.Put(keySchema, []byte("3"))
		}), `schema "3", this rouse knows 2`},
		"another program's bbolt file": {bucketed(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("v1"))
			return err
		}), "was not written by rouse"},
		"another program's meta bucket": {bucketed(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(meta)
			return err
		}), "was not written by rouse"},
		"text": {func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("SQLite format 3", 5000)))
		}, "damaged or no file of rouse"},
		"a little text": {func(t *testing.T, path string) { write(t, path, []byte("x")) }, "damaged or no file of rouse"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rouse.db")
			test.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // refused means refused again, and nobody keeps a lock
				s, err := Open(path, Options{LockWait: time.Millisecond})
				if err == nil {
					s.Close() //nolint:errcheck // failing anyway
					t.Fatal("the file was opened")
				}
				if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("error %q, want the path and %q", err, test.want)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("the refused file was changed")
			}
		})
	}
}

// What a crash at the very first start can leave is a new store.
func TestAnEmptyFileIsANewStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rouse.db")
	write(t, path, nil)
	openTest(t, path).Close() //nolint:errcheck // opened is enough
	bare := filepath.Join(t.TempDir(), "rouse.db")
	db, err := bbolt.Open(bare, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()                //nolint:errcheck // no bucket was made
	openTest(t, bare).Close() //nolint:errcheck // opened is enough
}

func TestASecondRouseIsToldWhoHoldsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rouse.db")
	first := openTest(t, path)
	_, err := Open(path, Options{LockWait: time.Millisecond})
	if rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "another rouse holds "+path) {
		t.Fatalf("second open: %v", err)
	}
	if _, statErr := os.Stat("/proc/locks"); statErr == nil && !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("error %q does not name our pid %d", err, os.Getpid())
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, path)
}

// Whatever is cut off or overwritten ends in an error or in data that is still
// whole, never in a crash.
func TestADamagedFileIsAnErrorNotACrash(t *testing.T) {
	healthy := filepath.Join(t.TempDir(), "rouse.db")
	fill(t, healthy, 300)
	whole, err := os.ReadFile(healthy)
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{}
	for _, keep := range []int{1, 4095, 4096, 8192, 12288, 16384, len(whole) / 2} {
		damaged[fmt.Sprintf("cut to %d bytes", keep)] = whole[:keep]
	}
	pages := len(whole) / 4096
	for p := 0; p < pages; p += max(1, pages/40) {
		for what, junk := range map[string]byte{"zeros": 0, "ones": 0xff, "noise": 1} {
			b := bytes.Clone(whole)
			part := b[p*4096 : (p+1)*4096]
			for i := range part {
				part[i] = junk
			}
			if what == "noise" {
				rand.Read(part) //nolint:errcheck // never fails
			}
			damaged[fmt.Sprintf("%s in page %d", what, p)] = b
		}
	}
	refused := 0
	for name, content := range damaged {
		path := filepath.Join(t.TempDir(), "rouse.db")
		write(t, path, content)
		s, err := Open(path, Options{LockWait: time.Millisecond})
		if err != nil {
			refused++
			continue
		}
		for fn, err := range s.All(t.Context()) {
			if err == nil && fn.Name == "" {
				t.Errorf("%s: a function without a name was read", name)
			}
		}
		if err := s.PutSetting(t.Context(), "k", "v"); err == nil {
			if _, err := s.Setting(t.Context(), "k"); err != nil {
				t.Errorf("%s: what was written without an error cannot be read: %v", name, err)
			}
		}
		s.Close() //nolint:errcheck // a damaged file may not close well
	}
	if refused < len(damaged)/3 {
		t.Errorf("only %d of %d damaged files were refused", refused, len(damaged))
	}
}

// A file that somebody cuts off while it is open is a memory fault for whoever
// reads the mapping; here it is an error.
func TestAFileCutOffWhileOpenIsAnErrorNotACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rouse.db")
	fill(t, path, 300)
	s := openTest(t, path)
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	if _, err := list(s.All(t.Context())); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("reading it: %v", err)
	}
	s.Close() //nolint:errcheck // a damaged file may not close well
	var e *rouse.Error
	if _, err := Open(path, Options{}); !errors.As(err, &e) || !strings.Contains(fmt.Sprint(e.Cause), "8192 bytes of") {
		t.Errorf("opening it again: %v", err)
	}
}

func TestAMissingFolderIsSaid(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "no", "rouse.db"), Options{})
	if !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("open in a missing folder: %v", err)
	}
	_, err = Open(t.TempDir(), Options{})
	if rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("open of a folder: %v", err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A function that was acknowledged before is there after.
func TestAcknowledgedWritesSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rouse.db")
	s := openTest(t, path)
	want, err := s.Put(t.Context(), storetest.Function("f"))
	if err != nil {
		t.Fatal(err)
	}
	// The file is copied while open: what a crash at this moment leaves.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := filepath.Join(t.TempDir(), "rouse.db")
	write(t, after, b)
	got, err := openTest(t, after).Get(t.Context(), "f")
	if err != nil || got.Generation != want.Generation {
		t.Errorf("after the crash: %+v, %v", got, err)
	}
}
