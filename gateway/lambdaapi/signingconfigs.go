package lambdaapi

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// signingConfig is AWS's CodeSigningConfig.
type signingConfig struct {
	CodeSigningConfigId, CodeSigningConfigArn string
	Description                               string `json:",omitempty"`
	AllowedPublishers                         publishers
	CodeSigningPolicies                       signingPolicies
	LastModified                              string
}

type publishers struct{ SigningProfileVersionArns []string }

type signingPolicies struct{ UntrustedArtifactOnDeployment string }

func (a *api) signingConfig(c rouse.SigningConfig) map[string]signingConfig {
	policy := "Warn"
	if c.Enforce {
		policy = "Enforce"
	}
	return map[string]signingConfig{"CodeSigningConfig": {
		CodeSigningConfigId: c.ID, CodeSigningConfigArn: a.Place.SigningARN(c.ID), Description: c.Description,
		AllowedPublishers: publishers{c.Publishers}, CodeSigningPolicies: signingPolicies{policy}, LastModified: date(c.Modified),
	}}
}

// signingInput is what creating and updating share. A nil one was not given.
type signingInput struct {
	Description         *string
	AllowedPublishers   *publishers
	CodeSigningPolicies *signingPolicies
	Tags                map[string]string
}

func (in *signingInput) apply(c *rouse.SigningConfig) {
	if in.Description != nil {
		c.Description = *in.Description
	}
	if in.AllowedPublishers != nil {
		c.Publishers = in.AllowedPublishers.SigningProfileVersionArns
	}
	if in.CodeSigningPolicies != nil {
		c.Enforce = in.CodeSigningPolicies.UntrustedArtifactOnDeployment == "Enforce"
	}
}

func (a *api) createCodeSigningConfig(r *request) (any, error) {
	var in signingInput
	if err := r.into(&in); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	c := rouse.SigningConfig{ID: newSigningID(), Tags: in.Tags, Modified: a.now()}
	in.apply(&c)
	if err := a.Signing.CreateSigningConfig(r.Request.Context(), c); err != nil {
		return nil, err
	}
	return a.signingConfig(c), nil
}

// newSigningID is of the form that AWS gives them.
func newSigningID() string {
	b := make([]byte, 9)
	rand.Read(b)
	return "csc-" + hex.EncodeToString(b)[:17]
}

// signingID is the ID in an ARN of this place; "" is none.
func (a *api) signingID(arn string) string {
	id, _ := strings.CutPrefix(arn, a.Place.SigningARN(""))
	return id
}

// signing finds a configuration by its ARN.
func (a *api) signing(arn string) (rouse.SigningConfig, bool) {
	list, id := a.Signing.SigningConfigs(), a.signingID(arn)
	i := slices.IndexFunc(list, func(c rouse.SigningConfig) bool { return c.ID == id })
	if i < 0 {
		return rouse.SigningConfig{}, false
	}
	return list[i], true
}

// noSigning is how AWS's operations on configurations word that there is none.
func noSigning(r *request) error {
	return untyped(missing("The Lambda code signing configuration %s can not be found.", r.text("CodeSigningConfigArn")))
}

func (a *api) getCodeSigningConfig(r *request) (any, error) {
	c, ok := a.signing(r.text("CodeSigningConfigArn"))
	if !ok {
		return nil, noSigning(r)
	}
	return a.signingConfig(c), nil
}

// updateCodeSigningConfig changes what is given and keeps the rest.
func (a *api) updateCodeSigningConfig(r *request) (any, error) {
	var in signingInput
	if err := r.into(&in); err != nil {
		return nil, err
	}
	c, err := a.Signing.ChangeSigningConfig(r.Request.Context(), a.signingID(r.text("CodeSigningConfigArn")), func(c *rouse.SigningConfig) error {
		in.apply(c)
		c.Modified = a.now()
		return nil
	})
	if rouse.CodeOf(err) == rouse.NotFound {
		return nil, noSigning(r)
	}
	return a.signingConfig(c), err
}

// deleteCodeSigningConfig deletes what no function has.
func (a *api) deleteCodeSigningConfig(r *request) (any, error) {
	id := a.signingID(r.text("CodeSigningConfigArn"))
	if users := a.signedBy(id); len(users) > 0 {
		return nil, conflict("The Lambda code signing configuration %s is used by functions: [%s]", r.text("CodeSigningConfigArn"), strings.Join(users, ", "))
	}
	err := a.Signing.DeleteSigningConfig(r.Request.Context(), id)
	if rouse.CodeOf(err) == rouse.NotFound {
		err = noSigning(r)
	}
	return withStatus{status: http.StatusNoContent}, err
}

func (a *api) listCodeSigningConfigs(r *request) (any, error) {
	cut, next, err := page(a, r, a.Signing.SigningConfigs(), maxListed, func(c rouse.SigningConfig) string { return c.ID })
	if err != nil {
		return nil, err
	}
	views := []signingConfig{}
	for _, c := range cut {
		views = append(views, a.signingConfig(c)["CodeSigningConfig"])
	}
	return struct {
		NextMarker         *string `json:",omitempty"`
		CodeSigningConfigs []signingConfig
	}{optional(next), views}, nil
}

func (a *api) listFunctionsByCodeSigningConfig(r *request) (any, error) {
	c, ok := a.signing(r.text("CodeSigningConfigArn"))
	if !ok {
		return nil, noSigning(r)
	}
	cut, next, err := page(a, r, a.signedBy(c.ID), maxListed, func(arn string) string { return arn })
	return struct {
		NextMarker   *string `json:",omitempty"`
		FunctionArns []string
	}{optional(next), cut}, err
}

// signedBy are the ARNs of the functions that have a configuration, in order.
func (a *api) signedBy(id string) []string {
	arns := []string{}
	for _, fn := range a.Catalog.Functions() {
		if fn.Lambda != nil && fn.Lambda.Signing == id && id != "" {
			arns = append(arns, a.Place.ARN(fn.Name, ""))
		}
	}
	slices.Sort(arns)
	return arns
}
