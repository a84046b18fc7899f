package functionurl

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// The headers by which servers speak to browsers of other origins' pages.
const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
	allowMethods     = "Access-Control-Allow-Methods"
	allowHeaders     = "Access-Control-Allow-Headers"
	exposeHeaders    = "Access-Control-Expose-Headers"
	maxAge           = "Access-Control-Max-Age"
)

// preflight says whether a browser asks what a page may do. The function is not
// asked.
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// answerPreflight answers with what is allowed; a page of an origin that is not
// is told nothing.
func answerPreflight(w http.ResponseWriter, rules *rouse.CORS, origin string, asked http.Header) {
	h := w.Header()
	if grant(h, rules, origin) {
		set(h, allowMethods, spell(rules.Methods, asked.Get("Access-Control-Request-Method")))
		set(h, allowHeaders, spell(rules.Headers, asked.Get("Access-Control-Request-Headers")))
		if rules.MaxAge != nil {
			h.Set(maxAge, strconv.Itoa(*rules.MaxAge))
		}
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// share puts into an answer's header what lets a page of origin read it. What
// the function said of that itself does not count, as on AWS.
func share(h http.Header, rules *rouse.CORS, origin string) {
	for _, name := range []string{allowOrigin, allowCredentials, allowMethods, allowHeaders, exposeHeaders, maxAge} {
		h.Del(name)
	}
	if grant(h, rules, origin) {
		set(h, exposeHeaders, strings.Join(rules.ExposeHeaders, ","))
	}
}

// grant says whether pages of origin may read answers, and says so in h. Of an
// answer with credentials browsers want the origin by name.
func grant(h http.Header, rules *rouse.CORS, origin string) bool {
	anyone, credentials := slices.Contains(rules.Origins, "*"), rules.Credentials != nil && *rules.Credentials
	if !anyone || credentials {
		h.Add("Vary", "Origin")
	}
	listed := slices.ContainsFunc(rules.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
	if origin == "" || !anyone && !listed {
		return false
	}
	if anyone && !credentials {
		origin = "*"
	}
	h.Set(allowOrigin, origin)
	if credentials {
		h.Set(allowCredentials, "true")
	}
	return true
}

// spell is a list as a header. A wildcard becomes what was asked for, since
// browsers take the sign itself by its letter when there are credentials.
func spell(list []string, asked string) string {
	if slices.Contains(list, "*") {
		return asked
	}
	return strings.Join(list, ",")
}

func set(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}
