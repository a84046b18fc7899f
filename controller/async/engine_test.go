package async

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashVar); dir != "" {
		crashChild(dir, os.Getenv(crashVar+"_DRAIN") != "")
		return
	}
	goleak.VerifyTestMain(m)
}

func TestAJobIsRunAndItsAnswerKept(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		j := b.ended(b.submit("f", "x").ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		answer, err := b.Payload(t.Context(), j)
		if err != nil || string(answer) != "answer to x" || j.Result.Size != len(answer) {
			t.Errorf("answer %q of %+v, %v", answer, j.Result, err)
		}
		if got, err := b.Job(t.Context(), j.ID); err != nil || string(got.Request.Payload) != "x" {
			t.Errorf("read again: %+v, %v", got, err)
		}
		for _, id := range []string{"", "x", "0198d4a2-1111-7111-8111-111111111111"} {
			if _, err := b.Job(t.Context(), id); rouse.CodeOf(err) != rouse.NotFound {
				t.Errorf("job %q: %v", id, err)
			}
		}
	})
}

// The ladder of AWS: two retries, after one and two minutes.
func TestAFunctionThatFailsIsRetriedTwice(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = fails
		j := b.ended(b.submit("f", "x").ID, rouse.JobFailed, rouse.JobRetriesExhausted, 3)
		if gaps := between(b.f.seen); !slices.Equal(gaps, []time.Duration{time.Minute, 2 * time.Minute}) {
			t.Errorf("retried after %s", gaps)
		}
		if j.Error == nil || j.Error.Message != "boom" || j.Error.Type != "Boom" {
			t.Errorf("error %+v", j.Error)
		}
	})
}

// Throttles are not the function's failures: a second, doubling to five minutes,
// for six hours.
func TestRefusalsAreRetriedUntilTheJobIsTooOld(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = refuses
		j := b.ended(b.submit("f", "x").ID, rouse.JobExpired, rouse.JobEventAgeExceeded, 0)
		gaps := between(b.f.seen)
		want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
		for i, w := range want {
			if gaps[i] != w*time.Second {
				t.Errorf("wait %d is %s, want %ds", i, gaps[i], w)
			}
		}
		if age := j.Ended.Sub(j.Created); age > 6*time.Hour || age < 6*time.Hour-5*time.Minute {
			t.Errorf("given up after %s, want just before 6h", age)
		}
	})
}

func between(times []time.Time) (gaps []time.Duration) {
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	return gaps
}

// Recorded of AWS: MaximumEventAge=60 means no retry, since it would be too late.
func TestTheAgeLimitLooksAhead(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = fails
		began := time.Now()
		b.ended(b.submit("f", "x", func(r *Request) { r.MaxAge = time.Minute }).ID, rouse.JobExpired, rouse.JobEventAgeExceeded, 1)
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s to know", took)
		}
	})
}

func TestAJobThatGrewTooOldInTheQueueIsNotRun(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		if err := b.Pause(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		j := b.submit("f", "x", func(r *Request) { r.MaxAge = time.Minute })
		<-time.After(2 * time.Minute)
		if err := b.Resume(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		b.ended(j.ID, rouse.JobExpired, rouse.JobEventAgeExceeded, 0)
	})
}

func TestWithReservedConcurrencyZeroAJobEndsAtOnce(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.zero["f"] = true
		b.ended(b.submit("f", "x").ID, rouse.JobFailed, rouse.JobZeroReservedConcurrency, 0)
	})
}

func TestAJobOfAFunctionThatIsGoneIsADeadLetterWithItsReason(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = func(context.Context, Attempt) (Outcome, error) {
			return Outcome{}, rouse.Errorf(rouse.NotFound, "function \"f\" does not exist")
		}
		j := b.ended(b.submit("f", "x").ID, rouse.JobFailed, rouse.JobRejected, 0)
		if j.Error == nil || j.Error.Code != rouse.NotFound {
			t.Errorf("error %+v", j.Error)
		}
	})
}

func TestAFunctionRunsAsManyAsItCanAndDelaysNobodyElse(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.most["slow"] = 3
		b.f.do["stuck"] = hangs
		b.f.do["slow"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			<-time.After(time.Second)
			return Outcome{}, nil
		}
		stuck := b.submit("stuck", "x")
		began := time.Now()
		var ids []string
		for range 9 {
			ids = append(ids, b.submit("slow", "x").ID)
		}
		for _, id := range ids {
			b.ended(id, rouse.JobSucceeded, rouse.JobSuccess, 1)
		}
		if took := time.Since(began); took != 3*time.Second || b.f.peak["slow"] != 3 {
			t.Errorf("9 jobs of a second, 3 at once, took %s, %d at once", took, b.f.peak["slow"])
		}
		if j, err := b.Job(t.Context(), stuck.ID); err != nil || j.State != rouse.JobRunning {
			t.Errorf("the stuck one is %v, %v", j, err)
		}
	})
}

func TestADelayedJobWaits(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		began := time.Now()
		j := b.submit("f", "x", func(r *Request) { r.Delay = 90 * time.Second })
		if j, err := b.Job(t.Context(), j.ID); err != nil || j.State != rouse.JobPending || !j.Next.Equal(began.Add(90*time.Second)) {
			t.Errorf("meanwhile: %+v, %v", j, err)
		}
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		if took := time.Since(began); took != 90*time.Second {
			t.Errorf("it ran after %s", took)
		}
	})
}

func TestTheSameKeyIsTheSameJobForADay(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		key := func(r *Request) { r.Key = "k" }
		first := b.submit("f", "x", key)
		if again := b.submit("f", "x", key); again.ID != first.ID {
			t.Error("the same key made another job")
		}
		if other := b.submit("g", "x", key); other.ID == first.ID {
			t.Error("another function's key is the same job")
		}
		_, _, err := b.Submit(t.Context(), Request{Ref: rouse.Ref{Name: "f"}, Key: "k", Payload: []byte("y")})
		if rouse.CodeOf(err) != rouse.Conflict {
			t.Errorf("the same key with another payload: %v", err)
		}
		<-time.After(25 * time.Hour)
		if next := b.submit("f", "x", key); next.ID == first.ID {
			t.Error("a day later it is still the same job")
		}
	})
}

func TestCancellingAQueuedAndARunningJob(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = hangs
		running, queued := b.submit("f", "1"), b.submit("f", "2")
		synctest.Wait()
		for _, j := range []*Job{queued, running, running} {
			got, err := b.Cancel(t.Context(), j.ID)
			if err != nil || got.State != rouse.JobCancelled || got.Condition != rouse.JobWasCancelled {
				t.Errorf("cancelled: %+v, %v", got, err)
			}
		}
		if len(b.f.seen) != 1 || b.Queued("f") != 0 {
			t.Errorf("%d attempts, %d queued", len(b.f.seen), b.Queued("f"))
		}
	})
}

func TestAPausedFunctionRunsNothingEvenAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewSpace(), newFunctions(), nil)
		if err := b.Pause(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		j := b.submit("f", "x")
		b.stop()
		b = open(t, b.space, b.f, nil)
		defer b.stop()
		<-time.After(time.Hour)
		if len(b.f.seen) > 0 {
			t.Error("it ran")
		}
		if stats, err := b.Stats(t.Context()); err != nil || len(stats) != 1 || !b.Paused(stats[0].Function) || stats[0].Pending != 1 || stats[0].Oldest.IsZero() {
			t.Errorf("stats %+v, %v", stats, err)
		}
		if err := b.Resume(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
	})
}

// What a process had begun is taken back by the next one at once, with its attempts.
func TestARestartTakesBackWhatWasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewSpace(), newFunctions(), nil)
		b.f.do["f"] = hangs
		j := b.submit("f", "x")
		synctest.Wait()
		for range 3 {
			b.stop()
			b = open(t, b.space, b.f, nil)
			synctest.Wait()
		}
		if got, err := b.Job(t.Context(), j.ID); err != nil || got.State != rouse.JobRunning || got.Attempts != 4 || got.Cut != 3 {
			t.Errorf("after three restarts: %+v, %v", got, err)
		}
		b.f.mu.Lock()
		b.f.do["f"] = nil
		b.f.mu.Unlock()
		b.stop()
		b = open(t, b.space, b.f, nil)
		defer b.stop()
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 5)
	})
}

func TestAJobThatEndsRouseAgainAndAgainIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, storetest.NewSpace(), newFunctions(), nil)
		b.f.do["f"] = hangs
		j := b.submit("f", "x")
		for range maxCuts + 1 {
			synctest.Wait()
			b.stop()
			b = open(t, b.space, b.f, nil)
		}
		defer b.stop()
		b.ended(j.ID, rouse.JobFailed, rouse.JobInterrupted, maxCuts+1)
	})
}

func TestADeadLetterIsRedriven(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = fails
		j := b.submit("f", "x", func(r *Request) { r.MaxAttempts = 1 })
		b.ended(j.ID, rouse.JobFailed, rouse.JobRetriesExhausted, 1)
		<-time.After(24 * time.Hour) // its age begins anew too
		b.f.mu.Lock()
		b.f.do["f"] = nil
		b.f.mu.Unlock()
		if n, err := b.RedriveAll(t.Context(), "f", 100); n != 1 || err != nil {
			t.Fatalf("redrove %d, %v", n, err)
		}
		b.ended(j.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		if _, err := b.Redrive(t.Context(), j.ID); rouse.CodeOf(err) != rouse.Conflict {
			t.Errorf("redriving one that succeeded: %v", err)
		}
		if jobs, _, err := b.List(t.Context(), Filter{Function: "f"}); err != nil || len(jobs) != 1 || jobs[0].State != rouse.JobSucceeded {
			t.Errorf("listed %+v, %v", jobs, err)
		}
	})
}

func TestJobsAreForgottenAfterTheirTime(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["big"] = func(context.Context, Attempt) (Outcome, error) {
			return Outcome{Payload: make([]byte, inline+1)}, nil
		}
		b.f.do["bad"] = fails
		big := b.ended(b.submit("big", "x").ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		bad := b.submit("bad", "x", func(r *Request) { r.MaxAttempts = 1 })
		if answer, err := b.Payload(t.Context(), big); err != nil || len(answer) != inline+1 || !big.Result.File {
			t.Fatalf("%d bytes, %v", len(answer), err)
		}
		<-time.After(25 * time.Hour)
		if _, err := b.Job(t.Context(), big.ID); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("a day later: %v", err)
		}
		if _, err := b.files.get(big.ID); err == nil {
			t.Error("its answer is still there")
		}
		b.ended(bad.ID, rouse.JobFailed, rouse.JobRetriesExhausted, 1)
		<-time.After(14 * 24 * time.Hour)
		if _, err := b.Job(t.Context(), bad.ID); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("a dead letter after two weeks: %v", err)
		}
		left := 0
		if err := b.space.View(t.Context(), func(r store.Reader) error {
			for k := range r.Scan([]byte{0}, []byte{255}) {
				if !bytes.ContainsRune([]byte("cnQ"), rune(k[0])) {
					left++
					t.Errorf("left behind: %q", k)
				}
			}
			return nil
		}); err != nil || left > 0 {
			t.Errorf("%d keys are left, %v", left, err)
		}
	})
}

// What is over the bound goes in the order in which it would have gone anyway,
// and a restarted engine knows how much there is.
func TestEndedJobsTakeNoMoreThanTheyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		space, f := storetest.NewSpace(), newFunctions()
		f.do["big"] = func(context.Context, Attempt) (Outcome, error) {
			return Outcome{Payload: make([]byte, 100_000)}, nil
		}
		f.do["bad"] = fails
		dir := t.TempDir()
		bound := func(c *Config) { c.KeepSize, c.Dir = 1_000_000, dir }
		b := open(t, space, f, bound)
		bad := b.submit("bad", "x", func(r *Request) { r.MaxAttempts = 1 })
		b.ended(bad.ID, rouse.JobFailed, rouse.JobRetriesExhausted, 1)
		var ids []string
		succeed := func(n int) {
			for range n {
				ids = append(ids, b.ended(b.submit("big", strings.Repeat("x", 50_000)).ID, rouse.JobSucceeded, rouse.JobSuccess, 1).ID)
				<-time.After(time.Second)
			}
		}
		left := func() (n int) {
			synctest.Wait()
			for i, id := range ids {
				_, err := b.Job(t.Context(), id)
				_, fileErr := b.files.get(id)
				if (err == nil) != (fileErr == nil) {
					t.Errorf("job %d: %v, its answer: %v", i, err, fileErr)
				}
				if err == nil {
					n++
				} else if n > 0 {
					t.Errorf("job %d is gone, and older ones are there", i)
				}
			}
			return n
		}
		succeed(6)
		if n := left(); n != 6 {
			t.Errorf("%d are left of 6 that may stay", n)
		}
		succeed(4)
		if n := left(); n != 5 && n != 6 { // a tenth is freed beyond what has to be
			t.Errorf("%d are left", n)
		}
		if n := b.kept.bytes.Load(); n > 1_000_000 {
			t.Errorf("%d bytes are kept", n)
		}
		before := b.kept.bytes.Load()
		b.stop()
		b = open(t, space, f, bound)
		defer b.stop()
		if n := b.kept.bytes.Load(); n != before {
			t.Errorf("after a restart %d bytes, before it %d", n, before)
		}
		succeed(6)
		if n := left(); n != 5 && n != 6 {
			t.Errorf("%d are left", n)
		}
		f.mu.Lock()
		f.do["bad"] = nil
		f.mu.Unlock()
		before = b.kept.bytes.Load()
		if _, err := b.Redrive(t.Context(), bad.ID); err != nil {
			t.Errorf("the dead letter, which would have gone last: %v", err)
		}
		b.ended(bad.ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		<-time.After(48 * time.Hour)
		if n := b.kept.bytes.Load(); n != 0 || before == 0 {
			t.Errorf("after all are forgotten %d bytes, before %d", n, before)
		}
	})
}

func TestAnAnswerOverTheLimitIsLeftOutAndSaid(t *testing.T) {
	within(t, func(c *Config) { c.MaxResult, c.MaxPayload = 10, 20 }, func(t *testing.T, b *bench) {
		j := b.ended(b.submit("f", "twelve bytes").ID, rouse.JobSucceeded, rouse.JobSuccess, 1)
		if j.Result == nil || j.Result.Omitted == "" || j.Result.Size != 22 {
			t.Errorf("result %+v", j.Result)
		}
		_, _, err := b.Submit(t.Context(), Request{Ref: rouse.Ref{Name: "f"}, Payload: make([]byte, 21)})
		if rouse.CodeOf(err) != rouse.TooLarge {
			t.Errorf("a payload over the limit: %v", err)
		}
	})
}

func TestDroppingAFunctionEndsItsJobs(t *testing.T) {
	within(t, nil, func(t *testing.T, b *bench) {
		b.f.do["f"] = hangs
		running, queued := b.submit("f", "1"), b.submit("f", "2")
		synctest.Wait()
		if n, err := b.Drop(t.Context(), "f"); n != 2 || err != nil {
			t.Errorf("dropped %d, %v", n, err)
		}
		b.ended(running.ID, rouse.JobCancelled, rouse.JobFunctionDeleted, 1)
		b.ended(queued.ID, rouse.JobCancelled, rouse.JobFunctionDeleted, 0)
		synctest.Wait()
		if b.Queued("f") != 0 || b.f.now["f"] != 0 {
			t.Errorf("%d are queued, %d run", b.Queued("f"), b.f.now["f"])
		}
	})
}
