package bootstrap

import (
	"slices"
	"testing"

	"github.com/rousehq/rouse"
)

func TestAFunctionIsToldItsRegion(t *testing.T) {
	spec := rouse.DefaultSpec()
	spec.Artifact.Image = "image"
	for region, want := range map[string]string{"": "us-east-1", "eu-west-1": "eu-west-1"} {
		cmd, err := Planner{Region: region}.Plan(rouse.Revision{Function: "f", Spec: spec}, rouse.Layout{Tmp: "/tmp"})
		if err != nil || !slices.Contains(cmd.Env, "AWS_REGION="+want) || !slices.Contains(cmd.Env, "AWS_DEFAULT_REGION="+want) {
			t.Errorf("%q: %v, %v", region, cmd.Env, err)
		}
	}
}
