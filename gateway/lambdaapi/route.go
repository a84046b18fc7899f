package lambdaapi

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one operation's template, taken apart.
type route struct {
	*operation
	segments []string          // "{Name}" is a parameter
	query    map[string]string // what must stand in the query: find=LayerVersion
}

// routes are all of them by method and number of segments; those that demand
// something of the query come first.
type routes map[routeKey][]route

type routeKey struct {
	method   string
	segments int
}

func newRoutes() routes {
	table := routes{}
	for i := range operations {
		op := &operations[i]
		path, query, demanding := strings.Cut(op.uri, "?")
		r := route{operation: op, segments: split(path)}
		if demanding {
			name, value, _ := strings.Cut(query, "=")
			r.query = map[string]string{name: value}
		}
		key := routeKey{op.method, len(r.segments)}
		if demanding {
			table[key] = append([]route{r}, table[key]...)
		} else {
			table[key] = append(table[key], r)
		}
	}
	return table
}

// split is a path's segments, still escaped. A slash at the end means nothing,
// which older clients know.
func split(path string) []string {
	return strings.Split(strings.Trim(path, "/"), "/")
}

// find is the operation that a request means, with its path's parameters. ok is
// false when there is none.
func (t routes) find(method, path string, query url.Values) (op *operation, params map[string]string, ok bool) {
	segments := split(path)
	for _, r := range t[routeKey{method, len(segments)}] {
		if params, ok := r.match(segments, query); ok {
			return r.operation, params, true
		}
	}
	return nil, nil, false
}

func (r route) match(segments []string, query url.Values) (map[string]string, bool) {
	for name, value := range r.query {
		if query.Get(name) != value {
			return nil, false
		}
	}
	params := map[string]string{}
	for i, segment := range r.segments {
		if !strings.HasPrefix(segment, "{") {
			if segment != segments[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		params[strings.Trim(segment, "{}")] = value
	}
	return params, true
}

// Serves says whether a path belongs to this API: its first segment is a date.
func Serves(path string) bool {
	if len(path) < 11 || path[0] != '/' || path[5] != '-' || path[8] != '-' {
		return false
	}
	for i, c := range []byte(path[1:11]) {
		if i != 4 && i != 7 && (c < '0' || c > '9') {
			return false
		}
	}
	return len(path) == 11 || path[11] == '/'
}

const (
	functionsPath = "/2015-03-31/functions/"
	invokePath    = "/invocations"
)

// IsInvoke says whether a request is an Invoke, which is answered whole.
func IsInvoke(r *http.Request) bool {
	_, ok := invoked(r.Method, r.URL.EscapedPath())
	return ok
}

// invoked is what stands for the function in an Invoke's path, still escaped.
func invoked(method, path string) (name string, ok bool) {
	if method != http.MethodPost || !strings.HasPrefix(path, functionsPath) || !strings.HasSuffix(path, invokePath) {
		return "", false
	}
	name = path[len(functionsPath):max(len(functionsPath), len(path)-len(invokePath))]
	return name, name != "" && strings.IndexByte(name, '/') < 0
}
