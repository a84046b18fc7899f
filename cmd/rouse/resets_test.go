package main

import (
	"strings"
	"testing"
)

// What a deployment does not name takes its default: who forgot a flag learns it.
func TestADeploymentSaysWhatItSetBack(t *testing.T) {
	s := serve(t)
	const note = "back to the default, since it was not given: "
	s.deploy("f", "--memory", "256MB", "--timeout", "7s", "--env", "SECRET=hidden", "--idle", "1m")
	r := s.rouse("deploy", "f", "--code", built+"/function.zip", "--runtime", "provided", "--timeout", "8s", "--no-wait")
	if r.code != exitDone || !strings.Contains(r.stderr, "f: "+note+"--memory (was 256MB), --env (was SECRET)\n") || strings.Contains(r.stderr, "hidden") {
		t.Errorf("%+v", r)
	}
	if r := s.rouse("scale", "f"); !strings.Contains(r.stdout, "1m") {
		t.Errorf("a setting was set back: %s", r.stdout)
	}
	for _, again := range [][]string{{"--timeout", "8s"}, {"--timeout", "9s"}} {
		r := s.rouse(append([]string{"deploy", "f", "--code", built + "/function.zip", "--runtime", "provided", "--no-wait"}, again...)...)
		if r.code != exitDone || strings.Contains(r.stderr, note) {
			t.Errorf("with nothing to set back: %+v", r)
		}
	}
}
