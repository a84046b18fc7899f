package lambdaapi

import (
	"net/http"

	"github.com/rousehq/rouse"
)

func (a *api) getFunctionCodeSigningConfig(r *request) (any, error) {
	fn, _, err := a.function(r)
	if err != nil || fn.Lambda == nil || fn.Lambda.Signing == "" {
		return struct{}{}, err
	}
	return a.functionSigning(fn.Name, fn.Lambda.Signing), nil
}

func (a *api) functionSigning(name rouse.FunctionName, id string) map[string]string {
	return map[string]string{"CodeSigningConfigArn": a.Place.SigningARN(id), "FunctionName": string(name)}
}

func (a *api) deleteFunctionCodeSigningConfig(r *request) (any, error) {
	_, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	return withStatus{status: http.StatusNoContent}, a.setSigning(r, t, "")
}

// putFunctionCodeSigningConfig says what becomes of code from now on; what is
// deployed stays.
func (a *api) putFunctionCodeSigningConfig(r *request) (any, error) {
	c, ok := a.signing(r.text("CodeSigningConfigArn"))
	if !ok {
		return nil, noConfig(r)
	}
	fn, t, err := a.function(r)
	if err != nil {
		return nil, err
	}
	latest, err := a.at(fn, 0)
	if err != nil {
		return nil, err
	}
	if latest.rev.Spec.Artifact.Image != "" {
		return nil, signsNoImages()
	}
	return a.functionSigning(t.name, c.ID), a.setSigning(r, t, c.ID)
}

// noConfig is how AWS's operations on functions word that there is none.
func noConfig(r *request) error {
	e := missing("The code signing configuration cannot be found. Check that the provided configuration is not deleted: %s.", r.text("CodeSigningConfigArn"))
	e.name = "CodeSigningConfigNotFoundException"
	return e
}

func signsNoImages() error {
	return invalid("Code signing is not supported for functions created with container images.")
}

func (a *api) setSigning(r *request, t target, id string) error {
	_, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if fn.Lambda == nil {
			fn.Lambda = &rouse.LambdaFunction{}
		}
		fn.Lambda.Signing = id
		return nil
	})
	return a.gone(t, err)
}

// unsigned is asked before code is deployed to a function with a configuration,
// which nobody can have signed here: it is refused, or deployed with a warning.
func (a *api) unsigned(name rouse.FunctionName, id string) error {
	if id == "" {
		return nil
	}
	arn := a.Place.SigningARN(id)
	c, ok := a.signing(arn)
	switch {
	case !ok:
		return nil // deleted meanwhile
	case c.Enforce:
		return user(http.StatusBadRequest, "CodeVerificationFailedException", "Lambda cannot deploy the function. The function or layer might be signed "+
			"using a signature that the client is not configured to accept. Check the provided signature for %s.", name)
	}
	a.Log.Warn("code is deployed that nobody has signed", "function", name, "code_signing_config", arn)
	return nil
}

// creatableSigned is the configuration that a new function is to have, or "".
func (a *api) creatableSigned(r *request, name rouse.FunctionName, packageType string) (id string, err error) {
	arn := r.text("CodeSigningConfigArn")
	if arn == "" {
		return "", nil
	}
	if packageType == "Image" {
		return "", signsNoImages()
	}
	c, ok := a.signing(arn)
	if !ok {
		return "", noConfig(r)
	}
	return c.ID, a.unsigned(name, c.ID)
}

// signingOf is the configuration that a function has, or "".
func signingOf(fn *rouse.Function) string {
	if fn.Lambda == nil {
		return ""
	}
	return fn.Lambda.Signing
}
