package mount

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The kernel gives a path with ".." up, within a root, when anything on the
// machine was renamed or mounted meanwhile.
func TestALookupSucceedsWhileFilesAreRenamed(t *testing.T) {
	image := layer(t, map[string]string{"etc/passwd": "-> ../run/users", "run/users": "root"})
	dir, stop := t.TempDir(), make(chan struct{})
	var busy sync.WaitGroup
	defer busy.Wait()
	defer close(stop)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.Mkdir(a, 0o700); err != nil {
		t.Fatal(err)
	}
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := os.Rename(a, b); err != nil {
				t.Error(err)
				return
			}
			a, b = b, a
		}
	})
	for range 5000 {
		if got, err := Read([]string{image}, "/etc/passwd"); got != "root" || err != nil {
			t.Fatalf("read %q, %v", got, err)
		}
	}
}
