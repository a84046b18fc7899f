package lambdaapi

import (
	"crypto/rand"
	"encoding/base32"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// functionURL is AWS's FunctionUrlConfig.
type functionURL struct {
	FunctionUrl, FunctionArn string
	AuthType                 rouse.URLAuth
	Cors                     *cors `json:",omitempty"`
	CreationTime             string
	LastModifiedTime         string `json:",omitempty"`
	InvokeMode               rouse.URLMode
}

// cors is AWS's Cors. Answers have the members that were given.
type cors struct {
	AllowCredentials *bool    `json:",omitempty"`
	AllowHeaders     []string `json:",omitempty"`
	AllowMethods     []string `json:",omitempty"`
	AllowOrigins     []string `json:",omitempty"`
	ExposeHeaders    []string `json:",omitempty"`
	MaxAge           *int     `json:",omitempty"`
}

// urlInput is what can be said of a function URL.
type urlInput struct {
	AuthType   rouse.URLAuth
	Cors       *cors
	InvokeMode rouse.URLMode
}

const (
	maxURLsListed = 50
	// URLPath is where function URLs are: URLPath/ID/…
	URLPath = "/lambda-url/"
)

func (a *api) createFunctionUrlConfig(r *request) (any, error) {
	view, err := a.writeURL(r, func(t target, _ rouse.FunctionURL, exists bool) (rouse.FunctionURL, error) {
		if exists {
			return rouse.FunctionURL{}, conflict("Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", a.Place.ARN(t.name, t.qualifier))
		}
		return rouse.FunctionURL{ID: newURLID(), Mode: rouse.URLBuffered}, nil
	})
	if err != nil {
		return nil, err
	}
	view.LastModifiedTime = ""
	return view, nil
}

// updateFunctionUrlConfig changes what is given and keeps the rest.
func (a *api) updateFunctionUrlConfig(r *request) (any, error) {
	return a.writeURL(r, func(_ target, before rouse.FunctionURL, exists bool) (rouse.FunctionURL, error) {
		if !exists {
			return rouse.FunctionURL{}, absent()
		}
		return before, nil
	})
}

// writeURL makes what is given of the URL that start returns. start is told which
// one there is.
func (a *api) writeURL(r *request, start func(t target, before rouse.FunctionURL, exists bool) (rouse.FunctionURL, error)) (functionURL, error) {
	var in urlInput
	if err := r.into(&in); err != nil {
		return functionURL{}, err
	}
	t, err := a.targetOf(r)
	if err != nil {
		return functionURL{}, err
	}
	var made rouse.FunctionURL
	err = a.changeURLs(r, t, func(urls map[rouse.Qualifier]rouse.FunctionURL) error {
		before, exists := urls[t.qualifier]
		u, err := start(t, before, exists)
		if err != nil {
			return err
		}
		if u.Modified = a.now(); !exists {
			u.Created = u.Modified
		}
		if err := in.apply(&u); err != nil {
			return err
		}
		urls[t.qualifier], made = u, u
		return nil
	})
	if err != nil {
		return functionURL{}, err
	}
	return a.urlView(r.Call, t, made), nil
}

func (a *api) deleteFunctionUrlConfig(r *request) (any, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return nil, err
	}
	err = a.changeURLs(r, t, func(urls map[rouse.Qualifier]rouse.FunctionURL) error {
		if !has(urls, t.qualifier) {
			return absent()
		}
		delete(urls, t.qualifier)
		return nil
	})
	return withStatus{status: http.StatusNoContent}, err
}

// changeURLs has edit change a function's URLs, in one write. The function
// takes events, and the qualifier that the request names is an alias of it.
func (a *api) changeURLs(r *request, t target, edit func(map[rouse.Qualifier]rouse.FunctionURL) error) error {
	_, err := a.Catalog.Change(r.Request.Context(), t.name, func(fn *rouse.Function) error {
		if t.qualifier != "" && !has(fn.Aliases, t.qualifier) {
			return noSuchFunction()
		}
		rev, err := a.Catalog.Revision(fn.Latest)
		if err != nil {
			return err
		}
		if rev.Spec.Contract != rouse.ContractLambda {
			return invalid("The function %s speaks HTTP and takes no events; it needs no URL of this kind, it is at /fn/%s/", t.name, t.name)
		}
		lambda := rouse.LambdaFunction{}
		if fn.Lambda != nil {
			lambda = *fn.Lambda
		}
		if lambda.URLs = maps.Clone(lambda.URLs); lambda.URLs == nil {
			lambda.URLs = map[rouse.Qualifier]rouse.FunctionURL{}
		}
		if err := edit(lambda.URLs); err != nil {
			return err
		}
		fn.Lambda = &lambda
		return nil
	})
	if rouse.CodeOf(err) == rouse.NotFound {
		return noSuchFunction()
	}
	return err
}

// noSuchFunction is how AWS's operations on URLs word it.
func noSuchFunction() error { return missing("Function does not exist") }

func (a *api) getFunctionUrlConfig(r *request) (any, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return nil, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil || fn.Lambda == nil || !has(fn.Lambda.URLs, t.qualifier) {
		return nil, absent()
	}
	return a.urlView(r.Call, t, fn.Lambda.URLs[t.qualifier]), nil
}

func (a *api) listFunctionUrlConfigs(r *request) (any, error) {
	t, err := a.targetOf(r)
	if err != nil {
		return nil, err
	}
	fn, err := a.Catalog.Function(t.name)
	if err != nil {
		return nil, noSuchFunction()
	}
	var names []rouse.Qualifier
	if fn.Lambda != nil {
		names = slices.Sorted(maps.Keys(fn.Lambda.URLs))
	}
	cut, next, err := page(a, r, names, maxURLsListed, func(q rouse.Qualifier) string { return string(q) })
	if err != nil {
		return nil, err
	}
	views := []functionURL{}
	for _, q := range cut {
		views = append(views, a.urlView(r.Call, target{t.name, q}, fn.Lambda.URLs[q]))
	}
	return struct {
		FunctionUrlConfigs []functionURL
		NextMarker         *string `json:",omitempty"`
	}{views, optional(next)}, nil
}

// urlView describes a URL as it is reached by whoever asks.
func (a *api) urlView(c *gateway.Call, t target, u rouse.FunctionURL) functionURL {
	view := functionURL{
		FunctionUrl: "http://" + c.Request.Host + URLPath + u.ID + "/", FunctionArn: a.Place.ARN(t.name, t.qualifier),
		AuthType: u.Auth, InvokeMode: u.Mode, CreationTime: instant(u.Created), LastModifiedTime: instant(u.Modified),
	}
	if c := u.CORS; c != nil {
		view.Cors = &cors{
			AllowCredentials: c.Credentials, AllowHeaders: c.Headers, AllowMethods: c.Methods, AllowOrigins: c.Origins,
			ExposeHeaders: c.ExposeHeaders, MaxAge: c.MaxAge,
		}
	}
	return view
}

// instant is a moment as AWS writes it of URLs.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// apply changes u to what was given. Of CORS that is always the whole.
func (in *urlInput) apply(u *rouse.FunctionURL) error {
	if in.AuthType != "" {
		u.Auth = in.AuthType
	}
	if in.InvokeMode != "" {
		u.Mode = in.InvokeMode
	}
	if in.Cors == nil {
		return nil
	}
	made, err := in.Cors.read()
	if err != nil {
		return err
	}
	u.CORS = made
	return nil
}

var corsMethods = []string{"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"}

// read is nil for settings that say nothing.
func (in *cors) read() (*rouse.CORS, error) {
	for _, method := range in.AllowMethods {
		if !slices.Contains(corsMethods, method) {
			return nil, invalid("Cors AllowMethods %s: must be one of %s", clip(method), strings.Join(corsMethods, ", "))
		}
	}
	for _, list := range [][]string{in.AllowHeaders, in.ExposeHeaders, in.AllowOrigins} {
		for _, text := range list {
			if !printable(text) {
				return nil, invalid("Cors: %q cannot stand in a header", clip(text))
			}
		}
	}
	if in.AllowCredentials == nil && in.MaxAge == nil &&
		len(in.AllowHeaders)+len(in.AllowMethods)+len(in.AllowOrigins)+len(in.ExposeHeaders) == 0 {
		return nil, nil
	}
	return &rouse.CORS{
		Credentials: in.AllowCredentials, Headers: in.AllowHeaders, Methods: in.AllowMethods, Origins: in.AllowOrigins,
		ExposeHeaders: in.ExposeHeaders, MaxAge: in.MaxAge,
	}, nil
}

// printable says whether s is one word of ASCII, as origins and headers' names are.
func printable(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c == ',' || c > '~' }) < 0
}

// newURLID makes an ID that nobody can guess.
func newURLID() string {
	b := make([]byte, 20)
	rand.Read(b)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}
