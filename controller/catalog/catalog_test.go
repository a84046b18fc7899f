package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rousehq/rouse"
)

func TestTrafficMovesWhenTheNewRevisionIsReady(t *testing.T) {
	w := newWorld(t)
	one := w.deploy(t, "f", "one")
	if !one.Created || !one.Changed || w.latest(t, "f") != one.Revision.ID {
		t.Fatalf("first deployment: %+v", one)
	}
	w.pool.warm = func(_ context.Context, rev rouse.Revision) error {
		if got := w.latest(t, "f"); got != one.Revision.ID {
			t.Errorf("while %s starts, $LATEST is %s", rev.ID, got)
		}
		return nil
	}
	two := w.deploy(t, "f", "two")
	if two.Created || !two.Changed || w.latest(t, "f") != two.Revision.ID {
		t.Errorf("second deployment: %+v", two)
	}
	if !slices.Equal(w.pool.retired, []rouse.RevisionID{one.Revision.ID}) {
		t.Errorf("retired %v, want the first revision", w.pool.retired)
	}
}

func TestARollBackThatFailsLeavesNothingRunning(t *testing.T) {
	w := newWorld(t)
	one := w.deploy(t, "f", "one")
	two := w.deploy(t, "f", "two")
	w.pool.retired = nil
	broken := errors.New("broken")
	w.pool.warm = func(context.Context, rouse.Revision) error { return broken }
	if _, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: image("one"), Wait: true}, nil); !errors.Is(err, broken) {
		t.Errorf("error %v, want the start's own", err)
	}
	if !slices.Equal(w.pool.retired, []rouse.RevisionID{one.Revision.ID}) {
		t.Errorf("%v were retired, want what was rolled back to: %s, and not %s", w.pool.retired, one.Revision.ID, two.Revision.ID)
	}
}

func TestARevisionThatFailsToStartLeavesTheOldOneServing(t *testing.T) {
	w := newWorld(t)
	one := w.deploy(t, "f", "one")
	broken := &rouse.Error{Code: rouse.StartFailed, Message: "exit status 1", Detail: "Traceback"}
	w.pool.warm = func(context.Context, rouse.Revision) error { return broken }

	_, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: image("two"), Wait: true}, nil)
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the start's own", err)
	}
	if got := w.latest(t, "f"); got != one.Revision.ID {
		t.Errorf("$LATEST is %s, want %s", got, one.Revision.ID)
	}
	if slices.Contains(w.pool.retired, one.Revision.ID) {
		t.Error("the old revision was retired")
	}
	_, err = w.Deploy(t.Context(), rouse.Deployment{Name: "new", Spec: image("two"), Wait: true}, nil)
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the start's own", err)
	}
	if _, err := w.Function("new"); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("a function that never started exists: %v", err)
	}
}

func TestDeployingTheSameAgainStartsNothing(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "one")
	w.pool.warm = func(context.Context, rouse.Revision) error { return errors.New("must not start") }
	again := w.deploy(t, "f", "one")
	if again.Changed || again.Created {
		t.Errorf("%+v", again)
	}
	settings := rouse.DefaultSettings()
	settings.MaxInstances = 3
	d, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: image("one"), Settings: &settings, Wait: true}, nil)
	if err != nil || d.Changed || d.Function.Settings.MaxInstances != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if last := w.pool.changed[len(w.pool.changed)-1]; last.Settings.MaxInstances != 3 {
		t.Errorf("the pool was told %+v", last.Settings)
	}
}

func TestSettingsStayWhenADeploymentNamesNone(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "one")
	if _, err := w.UpdateSettings(t.Context(), "f", func(s *rouse.Settings) error { s.Queue = 7; return nil }); err != nil {
		t.Fatal(err)
	}
	if d := w.deploy(t, "f", "two"); d.Function.Settings.Queue != 7 {
		t.Errorf("queue %d after a deployment, want 7", d.Function.Settings.Queue)
	}
}

func TestSettingsMayChangeWhileADeploymentStarts(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "one")
	w.pool.warm = func(ctx context.Context, _ rouse.Revision) error {
		_, err := w.UpdateSettings(ctx, "f", func(s *rouse.Settings) error { s.Queue = 9; return nil })
		return err
	}
	if d := w.deploy(t, "f", "two"); d.Function.Settings.Queue != 9 {
		t.Errorf("queue %d: the deployment overwrote a change", d.Function.Settings.Queue)
	}
}

func TestWithoutWaitingTrafficMovesAtOnceWhenNothingRuns(t *testing.T) {
	w := newWorld(t)
	w.pool.warm = func(context.Context, rouse.Revision) error { return errors.New("must not start") }
	d, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: image("one")}, nil)
	if err != nil || !d.Changed {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := w.latest(t, "f"); got != d.Revision.ID {
		t.Errorf("$LATEST is %s, want %s", got, d.Revision.ID)
	}
}

func TestWithoutWaitingTrafficMovesLaterWhenTheOldRevisionRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		one := w.deploy(t, "f", "one")
		ready := make(chan struct{})
		w.pool.warm = func(context.Context, rouse.Revision) error { <-ready; return nil }
		two, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: image("two")}, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.latest(t, "f"); got != one.Revision.ID {
			t.Errorf("traffic moved before the new revision was ready")
		}
		close(ready)
		synctest.Wait()
		if got := w.latest(t, "f"); got != two.Revision.ID {
			t.Errorf("$LATEST is %s, want %s", got, two.Revision.ID)
		}
	})
}

func TestDeploymentsOfOneFunctionFollowOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		starting, most := 0, 0
		gate := make(chan struct{})
		var mu sync.Mutex
		w.pool.warm = func(context.Context, rouse.Revision) error {
			mu.Lock()
			starting++
			most = max(most, starting)
			mu.Unlock()
			<-gate
			mu.Lock()
			starting--
			mu.Unlock()
			return nil
		}
		var all sync.WaitGroup
		for n := range 5 {
			all.Go(func() { w.deploy(t, "f", fmt.Sprint("image", n)) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		synctest.Wait()
		go func() {
			_, err := w.Deploy(ctx, rouse.Deployment{Name: "f", Spec: image("x"), Wait: true}, nil)
			left <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("a deployer that leaves the queue gets %v", err)
		}
		close(gate)
		all.Wait()
		if most != 1 {
			t.Errorf("%d starts of one function at once, want 1", most)
		}
	})
}

func TestQualifiers(t *testing.T) {
	w := newWorld(t)
	first := w.deploy(t, "f", "one").Revision.ID
	v, err := w.Publish(t.Context(), "f", "first")
	if err != nil || v.Number != 1 || v.Of != first || v.Revision == first {
		t.Fatalf("publish: %+v, %v", v, err)
	}
	one := v.Revision
	if rev, err := w.Revision(one); err != nil || rev.Spec.Version != "1" {
		t.Errorf("version 1 does not know its number: %+v, %v", rev, err)
	}
	if v, err := w.Publish(t.Context(), "f", "again"); err != nil || v.Number != 1 {
		t.Errorf("publishing the same again: %+v, %v; want version 1", v, err)
	}
	latest := w.deploy(t, "f", "two").Revision.ID
	if v, err = w.Publish(t.Context(), "f", ""); err != nil || v.Number != 2 {
		t.Fatalf("publish: %+v, %v", v, err)
	}
	two := v.Revision
	if err := w.SetAlias(t.Context(), "f", "live", rouse.Alias{Version: 1, Second: 2, Weight: 0.25}); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]rouse.RevisionID{
		"f": latest, "f:$LATEST": latest, "f:1": one, "f:2": two,
		"f:" + string(one): one, "f:" + string(one[:8]): one,
	} {
		if got := w.latest(t, ref); got != want {
			t.Errorf("%s is %s, want %s", ref, got, want)
		}
	}
	for pick, want := range map[float64]rouse.RevisionID{0: two, 0.2499: two, 0.25: one, 0.99: one} {
		w.pick = func() float64 { return pick }
		if got := w.latest(t, "f:live"); got != want {
			t.Errorf("at %g the alias is %s, want %s", pick, got, want)
		}
	}
	for _, ref := range []string{"g", "f:3", "f:dead", "f:" + string(one[:7]), "f:deadbeef"} {
		r, _ := rouse.ParseRef(ref)
		_, _, err := w.Resolve(r)
		wantCode(t, err, rouse.NotFound)
	}
	if slices.Contains(w.pool.retired, one) {
		t.Error("a published revision was retired")
	}
}

func TestAliasesAreChecked(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "one")
	if _, err := w.Publish(t.Context(), "f", ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  rouse.Qualifier
		alias rouse.Alias
		code  rouse.Code
	}{
		{"7", rouse.Alias{Version: 1}, rouse.Invalid},
		{"$LATEST", rouse.Alias{Version: 1}, rouse.Invalid},
		{"a", rouse.Alias{}, rouse.Invalid},
		{"a", rouse.Alias{Version: 2}, rouse.NotFound},
		{"a", rouse.Alias{Version: 1, Second: 2, Weight: 0.5}, rouse.NotFound},
		{"a", rouse.Alias{Version: 1, Second: 1, Weight: 0.5}, rouse.Invalid},
		{"a", rouse.Alias{Version: 1, Weight: 0.5}, rouse.Invalid},
		{"a", rouse.Alias{Version: 1, Second: 2, Weight: 1.5}, rouse.Invalid},
	} {
		wantCode(t, w.SetAlias(t.Context(), "f", c.name, c.alias), c.code)
	}
	if err := w.SetAlias(t.Context(), "f", "a", rouse.Alias{Version: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteAlias(t.Context(), "f", "a"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, w.DeleteAlias(t.Context(), "f", "a"), rouse.NotFound)
}

func TestSettingsThatTheContractForbidsChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "one")
	_, err := w.UpdateSettings(t.Context(), "f", func(s *rouse.Settings) error { s.Concurrency = 2; return nil })
	wantCode(t, err, rouse.Invalid)
	reserved := 4
	if _, err := w.UpdateSettings(t.Context(), "f", func(s *rouse.Settings) error { s.Reserved = &reserved; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = w.UpdateSettings(t.Context(), "f", func(s *rouse.Settings) error { *s.Reserved = -1; return nil })
	wantCode(t, err, rouse.Invalid)
	if fn, _ := w.Function("f"); fn.Settings.Concurrency != 1 || *fn.Settings.Reserved != 4 {
		t.Errorf("settings are %+v", fn.Settings)
	}
}

func TestALambdaVersionNeverGetsAnHTTPFunctionsConcurrency(t *testing.T) {
	w := newWorld(t)
	old := w.deploy(t, "f", "one").Revision.ID
	spec, settings := image("two"), rouse.DefaultSettings()
	spec.Contract, settings.Concurrency = rouse.ContractHTTP, 50
	if _, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: spec, Settings: &settings, Wait: true}, nil); err != nil {
		t.Fatal(err)
	}
	rev, fn, err := w.Lookup(old)
	if got := fn.SettingsFor(&rev); err != nil || got.Concurrency != 1 {
		t.Errorf("concurrency %d, %v; want 1", got.Concurrency, err)
	}
}

func TestDeletingLeavesNothing(t *testing.T) {
	w := newWorld(t)
	one, two := w.deploy(t, "f", "one"), w.deploy(t, "f", "two")
	if err := w.Delete(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	if w.store.has(one.Revision.ID) || w.store.has(two.Revision.ID) || len(w.store.fns) != 0 {
		t.Errorf("the store keeps %v and %v", w.store.fns, w.store.revs)
	}
	if !slices.Contains(w.pool.retired, two.Revision.ID) || !slices.Equal(w.removed, []rouse.FunctionName{"f"}) {
		t.Errorf("retired %v, removed %v", w.pool.retired, w.removed)
	}
	_, err := w.Revision(two.Revision.ID)
	wantCode(t, err, rouse.NotFound)
	wantCode(t, w.Delete(t.Context(), "f"), rouse.NotFound)
	if len(w.deploys.held)+len(w.writes.held) != 0 {
		t.Error("locks were left behind")
	}
}

func TestOnlyTheNewestUnreferencedRevisionsStay(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "published")
	v, err := w.Publish(t.Context(), "f", "")
	if err != nil {
		t.Fatal(err)
	}
	ids := []rouse.RevisionID{v.Revision}
	for n := range keepUnreferenced + 3 {
		ids = append(ids, w.deploy(t, "f", fmt.Sprint("image", n)).Revision.ID)
	}
	// What goes: all but the published one, $LATEST and the newest few.
	for n, id := range ids {
		gone := n > 0 && n < len(ids)-1-keepUnreferenced
		if w.store.has(id) == gone {
			t.Errorf("revision %d of %d: stored %v, want %v", n, len(ids), !gone, gone)
		}
		if _, err := w.Revision(id); (err != nil) != gone {
			t.Errorf("revision %d of %d: %v", n, len(ids), err)
		}
	}
}

func TestARestartFindsEverythingAndRemovesOrphans(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, "f", "one")
	two := w.deploy(t, "f", "two").Revision.ID
	if _, err := w.UpdateSettings(t.Context(), "f", func(s *rouse.Settings) error { s.Provisioned = 2; return nil }); err != nil {
		t.Fatal(err)
	}
	w.deploy(t, "idle", "three")
	orphan := rouse.NewRevision("interrupted", image("x"), w.clock)
	w.store.revs[orphan.ID] = orphan

	before := w.Functions()
	w.open(t)
	after := w.Functions()
	if len(after) != 2 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("after a restart %v, before %v", after, before)
	}
	if got := w.latest(t, "f"); got != two {
		t.Errorf("$LATEST is %s, want %s", got, two)
	}
	if w.store.has(orphan.ID) {
		t.Error("an orphan revision stays in the store")
	}
	if len(w.pool.changed) != 0 {
		t.Errorf("opening asked the pool for %v", w.pool.changed)
	}
	w.Provision()
	if len(w.pool.changed) != 1 || w.pool.changed[0].Name != "f" {
		t.Errorf("the pool was told of %v, want the provisioned function alone", w.pool.changed)
	}
}

func TestAStoreThatFailsLeavesTheOldRevisionServing(t *testing.T) {
	w := newWorld(t)
	one := w.deploy(t, "f", "one").Revision.ID
	full := rouse.Errorf(rouse.Unavailable, "disk full")
	w.store.fails = func(string) error { return full }
	_, err := w.Deploy(t.Context(), rouse.Deployment{Name: "f", Spec: image("two"), Wait: true}, nil)
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if got := w.latest(t, "f"); got != one {
		t.Errorf("$LATEST is %s, want %s", got, one)
	}
	if len(w.pool.running) != 1 {
		t.Errorf("running %v, want the first revision alone", w.pool.running)
	}
}

func TestBadDeploymentsAreRefusedBeforeAnythingStarts(t *testing.T) {
	w := newWorld(t)
	w.pool.warm = func(context.Context, rouse.Revision) error { t.Error("something was started"); return nil }
	good := func() rouse.Deployment { return rouse.Deployment{Name: "f", Spec: image("i"), Wait: true} }
	settings := rouse.DefaultSettings()
	settings.Concurrency = 2
	for name, edit := range map[string]func(*rouse.Deployment){
		"no name":     func(d *rouse.Deployment) { d.Name = "" },
		"traversal":   func(d *rouse.Deployment) { d.Name = "../x" },
		"look-alike":  func(d *rouse.Deployment) { d.Name = "ｆ" },
		"no memory":   func(d *rouse.Deployment) { d.Spec.Memory = 0 },
		"no artifact": func(d *rouse.Deployment) { d.Spec.Artifact = rouse.Artifact{} },
		"unknown artifact": func(d *rouse.Deployment) {
			d.Spec.Artifact = rouse.Artifact{Code: "sha256:0"}
			d.Spec.Runtime = "provided"
		},
		"lambda concurrency":  func(d *rouse.Deployment) { d.Settings = &settings },
		"health under lambda": func(d *rouse.Deployment) { d.Spec.Health = "/" },
	} {
		t.Run(name, func(t *testing.T) {
			d := good()
			edit(&d)
			_, err := w.Deploy(t.Context(), d, nil)
			wantCode(t, err, rouse.Invalid)
		})
	}
	if n := len(w.Functions()); n != 0 {
		t.Errorf("%d functions exist", n)
	}
}
