package lambdaapi

import (
	"net/url"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// functionAnswer is AWS's GetFunctionResponse.
type functionAnswer struct {
	Configuration *configuration
	Code          map[string]string
	Tags          map[string]string `json:",omitempty"`
	Concurrency   map[string]int    `json:",omitempty"`
}

func (a *api) getFunction(r *request) (any, error) {
	p, err := a.pointed(r)
	if err != nil {
		return nil, err
	}
	answer := functionAnswer{Configuration: a.configuration(p), Code: location(r.Call, p)}
	if p.fn.Lambda != nil {
		answer.Tags = p.fn.Lambda.Tags
	}
	if reserved := p.fn.Settings.Reserved; reserved != nil {
		answer.Concurrency = map[string]int{"ReservedConcurrentExecutions": *reserved}
	}
	return answer, nil
}

func (a *api) getFunctionConfiguration(r *request) (any, error) {
	p, err := a.pointed(r)
	if err != nil {
		return nil, err
	}
	return a.configuration(p), nil
}

// pointed is the version that a request's FunctionName and Qualifier lead to.
func (a *api) pointed(r *request) (pointed, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return pointed{}, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return pointed{}, a.notFound(t)
	}
	return a.find(fn, t)
}

// location is where a version's code can be fetched.
func location(c *gateway.Call, p pointed) map[string]string {
	artifact := p.rev.Spec.Artifact
	if artifact.Image != "" {
		code := map[string]string{"RepositoryType": "ECR", "ImageUri": artifact.Image}
		if artifact.ImageID != "" {
			code["ResolvedImageUri"] = resolved(artifact)
		}
		return code
	}
	digest := treePrefix + strings.TrimPrefix(artifact.Code, "sha256:")
	if pack := p.lambda.Package; pack != nil && pack.Code == artifact.Code {
		digest = strings.TrimPrefix(pack.Digest, "sha256:")
	}
	return map[string]string{"RepositoryType": "S3", "Location": packageURL(c, digest)}
}

// resolved is an image by what its name meant when it was deployed.
func resolved(artifact rouse.Artifact) string {
	name := artifact.Image
	if i := strings.LastIndexAny(name, ":@"); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name + "@" + artifact.ImageID
}

func packageURL(c *gateway.Call, digest string) string {
	u := url.URL{Scheme: "http", Host: c.Request.Host, Path: packagesPath + digest}
	if c.Request.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}
