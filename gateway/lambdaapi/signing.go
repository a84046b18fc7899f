package lambdaapi

import "net/http"

// Code is never signed here; these are AWS's answers for accounts that sign none.

func (a *api) getFunctionCodeSigningConfig(r *request) (any, error) {
	_, _, err := a.function(r)
	return struct{}{}, err
}

func (a *api) deleteFunctionCodeSigningConfig(r *request) (any, error) {
	_, _, err := a.function(r)
	return withStatus{status: http.StatusNoContent}, err
}

func (a *api) putFunctionCodeSigningConfig(r *request) (any, error) {
	e := missing("The code signing configuration cannot be found. Check that the provided configuration is not deleted: %s.", r.text("CodeSigningConfigArn"))
	e.name = "CodeSigningConfigNotFoundException"
	return nil, e
}

// unknownSigning answers whatever names a code signing configuration, since none
// can be made.
func (a *api) unknownSigning(r *request) (any, error) {
	return nil, untyped(missing("The Lambda code signing configuration %s can not be found.", r.text("CodeSigningConfigArn")))
}

func (a *api) listCodeSigningConfigs(*request) (any, error) {
	return map[string]any{"CodeSigningConfigs": []any{}}, nil
}
