package schedule

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/bolt"
)

const (
	// crashVar has the test binary run schedules in the folder that it names
	// until it is killed.
	crashVar = "ROUSE_TEST_SCHEDULES"
	// hurry is how fast the wall clock of the crash test runs.
	hurry = 6000
)

func crashDir() string { return os.Getenv(crashVar) }

// crashJobs keeps the runs' jobs under J, beside the schedules.
type crashJobs struct {
	*world
	ids atomic.Int64
}

func (c *crashJobs) SubmitWith(ctx context.Context, r rouse.JobRequest, also func(store.Tx, string) error) (*rouse.Job, error) {
	id := fmt.Sprintf("%d-%d-%d", os.Getpid(), time.Now().UnixNano(), c.ids.Add(1))
	err := c.space.Update(ctx, func(t store.Tx) error {
		t.Put([]byte("J"+id), r.Payload)
		return also(t, id)
	})
	return &rouse.Job{ID: id}, err
}

// crash runs schedules by a clock that goes on while nobody runs.
func crash(dir string) {
	space, err := bolt.OpenSpace(filepath.Join(dir, "events.db"), bolt.SpaceOptions{})
	if err != nil {
		panic(err)
	}
	began, err := strconv.ParseInt(os.Getenv(crashVar+"_BEGAN"), 10, 64)
	if err != nil {
		panic(err)
	}
	w := &world{space: space}
	s, err := Open(context.Background(), Config{
		Space: space, Jobs: &crashJobs{world: w}, Functions: w, Observer: w, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Now: func() time.Time {
			passed := time.Since(time.Unix(0, began))
			return time.Unix(0, began).Add(passed * hurry)
		},
	})
	if err != nil {
		panic(err)
	}
	for i := range 5 {
		sch := every("rate(1 minute)", func(sch *rouse.Schedule) {
			sch.Name, sch.Missed, sch.MissedWithin = fmt.Sprintf("s%d", i), rouse.MissedAll, rouse.Duration(100*time.Hour)
			sch.Payload = fmt.Appendf(nil, `"%d <aws.scheduler.scheduled-time>"`, i)
		})
		if _, err := s.Put(context.Background(), sch, true); err != nil && rouse.CodeOf(err) != rouse.Conflict {
			panic(err)
		}
	}
	// Timers run by the machine's clock: one that is always due stands in for them.
	go func() {
		for {
			s.changed <- struct{}{}
		}
	}()
	s.Run(context.Background())
}

// A process is killed again and again while schedules run. Afterwards each run
// that was due has exactly one job, however it was interrupted.
func TestNoRunHappensTwiceOrNotAtAllHoweverOftenRouseIsKilled(t *testing.T) {
	kills := 20
	if text := os.Getenv("ROUSE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	began := strconv.FormatInt(time.Now().UnixNano(), 10)
	for range kills {
		var stderr bytes.Buffer
		child := exec.CommandContext(t.Context(), exe)
		child.Env = append(os.Environ(), crashVar+"="+dir, crashVar+"_BEGAN="+began)
		child.Stderr = &stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		life := time.NewTimer(time.Duration(30+rand.IntN(120)) * time.Millisecond)
		<-life.C
		child.Process.Kill() //nolint:errcheck // Wait tells
		child.Wait()         //nolint:errcheck // it was killed
		if bytes.Contains(stderr.Bytes(), []byte("panic")) {
			t.Fatal(stderr.String())
		}
	}
	space, err := bolt.OpenSpace(filepath.Join(dir, "events.db"), bolt.SpaceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer space.Close()
	check(t, space)
}

// check compares the jobs with what the schedules say of themselves.
func check(t *testing.T, space store.Space) {
	t.Helper()
	all, err := readAll(t.Context(), space)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d schedules, %v", len(all), err)
	}
	jobs := map[string]int{}
	err = space.View(t.Context(), func(r store.Reader) error {
		for _, v := range r.Scan([]byte("J"), []byte("K")) {
			jobs[string(v)]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for i, sch := range all {
		var n uint64
		for at := sch.Created.Add(time.Minute); !at.After(sch.State.Through); at = at.Add(time.Minute) {
			n++
			if got := jobs[fmt.Sprintf(`"%d %s"`, i, at.UTC().Format(time.RFC3339))]; got != 1 && sch.State.Missed == 0 {
				t.Errorf("%s: the run of %s has %d jobs", sch.Name, at, got)
			}
		}
		if sch.State.Runs+sch.State.Missed != n || sch.State.Runs < 20 {
			t.Errorf("%s: %d runs and %d missed, of %d", sch.Name, sch.State.Runs, sch.State.Missed, n)
		}
		runs += int(sch.State.Runs)
	}
	for payload, n := range jobs {
		if n != 1 {
			t.Errorf("%s has %d jobs", payload, n)
		}
	}
	if runs != len(jobs) {
		t.Errorf("%d runs are noted, %d jobs were made", runs, len(jobs))
	}
	t.Logf("%d runs, each once", runs)
}
