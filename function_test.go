package rouse

import (
	"strings"
	"testing"
	"time"
)

func TestRevisionIsNamedByItsContent(t *testing.T) {
	spec := DefaultSpec()
	spec.Artifact.Code, spec.Runtime = "sha256:1", "python3.11"
	spec.Environment = map[string]string{"A": "1", "B": "2"}
	first := NewRevision("f", spec, time.Now())
	if again := NewRevision("f", spec, time.Now().Add(time.Hour)); again.ID != first.ID {
		t.Error("the same content has two names")
	}
	if other := NewRevision("g", spec, time.Now()); other.ID == first.ID {
		t.Error("two functions share a revision")
	}
	spec.Artifact.Size = 10
	if other := NewRevision("f", spec, time.Now()); other.ID != first.ID {
		t.Error("equal code has two names when its size is told")
	}
	spec.Memory++
	if other := NewRevision("f", spec, time.Now()); other.ID == first.ID {
		t.Error("another memory limit has the same name")
	}
}

func TestWeightedAliasSharesItsTraffic(t *testing.T) {
	f := Function{
		Latest:   "c",
		Versions: []Version{{Number: 1, Revision: "a"}, {Number: 3, Revision: "b"}},
		Aliases:  map[Qualifier]Alias{"live": {Version: 1, Second: 3, Weight: 0.25}},
	}
	for _, c := range []struct {
		q    Qualifier
		pick float64
		want RevisionID
		ok   bool
	}{
		{Latest, 0, "c", true}, {"1", 0, "a", true}, {"3", 0, "b", true}, {"2", 0, "", false},
		{"live", 0.24, "b", true}, {"live", 0.25, "a", true}, {"nobody", 0, "", false},
	} {
		if got, ok := f.Revision(c.q, c.pick); got != c.want || ok != c.ok {
			t.Errorf("%s at %g: %s %v, want %s %v", c.q, c.pick, got, ok, c.want, c.ok)
		}
	}
}

func TestSettingsAndSpecsSayWhatIsWrong(t *testing.T) {
	for word, change := range map[string]func(*Settings, *Spec){
		"idle":          func(s *Settings, _ *Spec) { s.Idle = -1 },
		"concurrency":   func(s *Settings, _ *Spec) { s.Concurrency = 0 },
		"max_instances": func(s *Settings, _ *Spec) { s.MaxInstances = -1 },
		"provisioned":   func(s *Settings, _ *Spec) { s.Provisioned, s.MaxInstances = 3, 2 },
		"queue":         func(s *Settings, _ *Spec) { s.Queue = -1 },
		"hold":          func(s *Settings, _ *Spec) { s.Hold = 0 },
		"freeze":        func(s *Settings, spec *Spec) { s.Freeze, spec.Contract = true, ContractHTTP },
		"memory":        func(_ *Settings, s *Spec) { s.Memory = 0 },
		"timeout":       func(_ *Settings, s *Spec) { s.Timeout = -1 },
		"network":       func(_ *Settings, s *Spec) { s.Network = "host" },
		"contract":      func(_ *Settings, s *Spec) { s.Contract = "grpc" },
		"runtime":       func(_ *Settings, s *Spec) { s.Runtime = "" },
		"artifact":      func(_ *Settings, s *Spec) { s.Artifact.Image = "too" },
		"health":        func(_ *Settings, s *Spec) { s.Health = "/up" },
		"environment":   func(_ *Settings, s *Spec) { s.Environment = map[string]string{"A=B": ""} },
	} {
		settings, spec := DefaultSettings(), DefaultSpec()
		spec.Artifact.Code, spec.Runtime = "sha256:1", "provided"
		if err := settings.Validate(spec.Contract); err != nil || spec.Validate() != nil {
			t.Fatal("the defaults are refused")
		}
		change(&settings, &spec)
		err := settings.Validate(spec.Contract)
		if err == nil {
			err = spec.Validate()
		}
		if CodeOf(err) != Invalid || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
