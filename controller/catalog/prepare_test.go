package catalog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/rousehq/rouse"
)

// hold keeps a world's checks from ending until they are let go or given up.
type hold struct{ end chan error }

func (w *world) holdChecks() *hold {
	h := &hold{make(chan error)}
	w.checker.look = func(ctx context.Context, _ rouse.Spec) error {
		select {
		case err := <-h.end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h
}

func keep(*rouse.Function) error { return nil }

// publishes makes a version of what is made.
func (w *world) publishes(fn *rouse.Function) error {
	fn.Publish("", w.cfg.Now())
	return nil
}

func toImage(ref string) func(*rouse.Function, *rouse.Spec) error {
	return func(_ *rouse.Function, spec *rouse.Spec) error {
		spec.Artifact = rouse.Artifact{Image: ref}
		return nil
	}
}

// lookup is what the pool would get of a function's $LATEST.
func (w *world) lookup(t *testing.T, name rouse.FunctionName) (rouse.Revision, error) {
	t.Helper()
	fn, err := w.Function(name)
	if err != nil {
		t.Fatal(err)
	}
	rev, _, err := w.Lookup(fn.Latest)
	return rev, err
}

// in runs a test whose preparations end where synctest.Wait returns.
func in(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

func TestANewFunctionWaitsForItsImage(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		h := w.holdChecks()
		fn, err := w.Create(t.Context(), "f", image("a"), w.publishes)
		if err != nil {
			t.Fatal(err)
		}
		stand := fn.Latest
		if fn.Next != stand || len(fn.Versions) != 1 {
			t.Errorf("made %+v", fn)
		}
		_, err = w.lookup(t, "f")
		wantCode(t, err, rouse.Unavailable)
		_, _, err = w.Lookup(fn.Versions[0].Revision)
		wantCode(t, err, rouse.Unavailable)
		_, err = w.Revise(t.Context(), "f", toImage("b"), keep)
		wantCode(t, err, rouse.Conflict)
		_, err = w.Publish(t.Context(), "f", "")
		wantCode(t, err, rouse.Conflict)

		h.end <- nil
		synctest.Wait()
		rev, err := w.lookup(t, "f")
		if err != nil || rev.Spec.Artifact.ImageID != "sha256:a" {
			t.Errorf("runs %+v: %v", rev.Spec.Artifact, err)
		}
		done, _ := w.Function("f")
		if done.Next != "" || done.Generation != fn.Generation+1 {
			t.Errorf("then %+v", done)
		}
		version, _, err := w.Lookup(done.Versions[0].Revision)
		if err != nil || version.Spec.Version != "1" || version.Spec.Artifact.ImageID != "sha256:a" || done.Versions[0].Of != done.Latest {
			t.Errorf("version 1 is %+v of %s: %v", version.Spec, done.Versions[0].Of, err)
		}
		if w.store.has(stand) || w.store.has(fn.Versions[0].Revision) {
			t.Error("what stood in is kept")
		}
		if again, err := w.Publish(t.Context(), "f", ""); err != nil || again.Number != 1 {
			t.Errorf("published again as %d: %v", again.Number, err)
		}
	})
}

func TestAnUpdateRunsTheOldCodeUntilItsImageIsHere(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.deploy(t, "f", "a")
		before, _ := w.Function("f")
		h := w.holdChecks()
		fn, err := w.Revise(t.Context(), "f", toImage("b"), w.publishes)
		if err != nil {
			t.Fatal(err)
		}
		if fn.Latest != before.Latest || fn.Next == "" {
			t.Errorf("while it is prepared: %+v", fn)
		}
		if _, _, err := w.Lookup(fn.Versions[0].Revision); rouse.CodeOf(err) != rouse.Unavailable {
			t.Errorf("the version that is on its way: %v", err)
		}
		if _, err := w.Change(t.Context(), "f", func(fn *rouse.Function) error { fn.Settings.Queue = 7; return nil }); err != nil {
			t.Errorf("what is not code: %v", err)
		}
		h.end <- nil
		synctest.Wait()
		rev, err := w.lookup(t, "f")
		done, _ := w.Function("f")
		if err != nil || rev.Spec.Artifact.ImageID != "sha256:b" || done.Settings.Queue != 7 || done.Next != "" {
			t.Errorf("then %+v runs %+v: %v", done, rev.Spec.Artifact, err)
		}
		if version, _, err := w.Lookup(done.Versions[0].Revision); err != nil || version.Spec.Artifact.ImageID != "sha256:b" {
			t.Errorf("version 1: %+v %v", version.Spec, err)
		}
	})
}

func TestWhatCannotBeHadFailsWithItsReasonAndALaterUpdateRepairsIt(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want rouse.Code
	}{
		"missing": {&rouse.Error{Code: rouse.StartFailed, Message: "why", Cause: errors.Join(rouse.ErrNoImage, errors.New("404"))}, rouse.NotFound},
		"denied":  {&rouse.Error{Code: rouse.StartFailed, Message: "why", Cause: rouse.ErrImageDenied}, rouse.Denied},
		"invalid": {rouse.Errorf(rouse.Invalid, "why"), rouse.Invalid},
		"away":    {rouse.Errorf(rouse.Unavailable, "why"), rouse.Unavailable},
	} {
		for _, new := range []bool{true, false} {
			in(t, func(t *testing.T, w *world) {
				if !new {
					w.deploy(t, "f", "a")
				}
				h := w.holdChecks()
				var fn rouse.Function
				var err error
				if new {
					fn, err = w.Create(t.Context(), "f", image("b"), w.publishes)
				} else {
					fn, err = w.Revise(t.Context(), "f", toImage("b"), w.publishes)
				}
				if err != nil {
					t.Fatal(err)
				}
				h.end <- c.err
				synctest.Wait()
				for _, id := range []rouse.RevisionID{fn.Next, fn.Versions[0].Revision} {
					rev, err := w.Revision(id)
					if err != nil || !rev.Preparing.Failed() || *rev.Preparing.Failure != (rouse.PreparingFailure{Code: c.want, Message: "why"}) {
						t.Errorf("%s: %+v %v", name, rev, err)
					}
				}
				switch rev, err := w.lookup(t, "f"); {
				case new:
					wantCode(t, err, rouse.StartFailed)
				case err != nil || rev.Spec.Artifact.ImageID != "sha256:a":
					t.Errorf("%s: runs %+v: %v", name, rev.Spec, err)
				}
				w.checker.look = nil
				if _, err := w.Revise(t.Context(), "f", toImage("c"), keep); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				rev, err := w.lookup(t, "f")
				done, _ := w.Function("f")
				if err != nil || rev.Spec.Artifact.ImageID != "sha256:c" || done.Next != "" || w.store.has(fn.Next) {
					t.Errorf("%s: repaired to %+v %+v: %v", name, done, rev.Spec.Artifact, err)
				}
				if version, err := w.Revision(done.Versions[0].Revision); err != nil || !version.Preparing.Failed() {
					t.Errorf("%s: version 1, which failed, is %+v %v", name, version, err)
				}
			})
		}
	}
}

func TestAnInterruptedPreparationIsBegunAgain(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.deploy(t, "f", "a")
		w.holdChecks()
		if _, err := w.Revise(t.Context(), "f", toImage("b"), keep); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Create(t.Context(), "g", image("g"), keep); err != nil {
			t.Fatal(err)
		}
		w.Close() // which stores as little as kill -9
		w.checker.look = nil
		w.open(t)
		if rev, err := w.lookup(t, "f"); err != nil || rev.Spec.Artifact.ImageID != "sha256:a" {
			t.Errorf("after a restart f runs %+v: %v", rev.Spec, err)
		}
		w.Resume()
		synctest.Wait()
		for name, want := range map[rouse.FunctionName]string{"f": "sha256:b", "g": "sha256:g"} {
			if rev, err := w.lookup(t, name); err != nil || rev.Spec.Artifact.ImageID != want {
				t.Errorf("%s runs %+v: %v", name, rev.Spec, err)
			}
		}
	})
}

func TestADeploymentAndADeletionGiveUpWhatIsBeingPrepared(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.holdChecks()
		fn, err := w.Create(t.Context(), "f", image("a"), w.publishes)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it fetches
		w.checker.look = nil
		w.deploy(t, "f", "b")
		if rev, err := w.lookup(t, "f"); err != nil || rev.Spec.Artifact.ImageID != "sha256:b" {
			t.Errorf("runs %+v: %v", rev.Spec, err)
		}
		if rev, err := w.Revision(fn.Versions[0].Revision); err != nil || !rev.Preparing.Failed() || rev.Preparing.Failure.Message != "a later deployment replaced it" {
			t.Errorf("version 1 is %+v: %v", rev, err)
		}
		h := w.holdChecks()
		if _, err := w.Revise(t.Context(), "f", toImage("c"), keep); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := w.Delete(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case h.end <- nil:
			t.Error("the fetch goes on")
		default:
		}
		if len(w.store.revs) != 0 || len(w.store.fns) != 0 {
			t.Errorf("left %v %v", w.store.fns, w.store.revs)
		}
	})
}

func TestWhatIsKnownAtOnceIsRefusedAtOnce(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		spec := image("a")
		spec.Memory = 2 * rouse.GB
		_, err := w.Create(t.Context(), "f", spec, keep)
		wantCode(t, err, rouse.Invalid)
		if _, err := w.Function("f"); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("left a function: %v", err)
		}
	})
}

func TestAnotherConfigurationKeepsTheImageWhateverItsNameMeansNow(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.deploy(t, "f", "a")
		w.checker.look = func(_ context.Context, spec rouse.Spec) error {
			if spec.Artifact.ImageID != "sha256:a" {
				t.Errorf("asked for %+v", spec.Artifact)
			}
			return nil
		}
		fn, err := w.Revise(t.Context(), "f", func(_ *rouse.Function, spec *rouse.Spec) error { spec.Memory = 256 * rouse.MB; return nil }, keep)
		if err != nil || fn.Next != "" {
			t.Errorf("%+v %v", fn, err)
		}
	})
}
