package lambdaapi

import "github.com/rousehq/rouse"

// getRuntimeManagementConfig: there is one version of each runtime here, the
// newest, which is what AWS calls Auto.
func (a *api) getRuntimeManagementConfig(r *request) (any, error) {
	fn, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	if err := a.qualified(fn, t); err != nil {
		return nil, err
	}
	if t.qualifier == "" {
		t.qualifier = rouse.Latest
	}
	return map[string]any{"FunctionArn": a.Place.ARN(t.name, t.qualifier), "UpdateRuntimeOn": "Auto"}, nil
}

func (a *api) putRuntimeManagementConfig(r *request) (any, error) {
	if on := r.text("UpdateRuntimeOn"); on != "Auto" {
		return nil, unsupported("UpdateRuntimeOn "+on, "each runtime has one version, which follows its base image; use Auto")
	}
	return a.getRuntimeManagementConfig(r)
}
