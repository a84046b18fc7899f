package main

import (
	"context"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/imports"
)

// withImports is rev with the zygote that it was seen to need, when it is to be
// learned and is known by now. Its id, which names what was deployed, stays.
func withImports(known *imports.Imports, rev rouse.Revision) rouse.Revision {
	if rev.Spec.LearnsZygote() {
		if modules := known.Of(rev.Function); modules != nil {
			rev.Spec.Zygote = modules
		}
	}
	return rev
}

// Warm starts what will be deployed as it will be started later.
func (p catalogPool) Warm(ctx context.Context, rev rouse.Revision, settings rouse.Settings) error {
	return p.Pool.Warm(ctx, withImports(p.imports, rev), settings)
}
