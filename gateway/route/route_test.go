package route_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/route"
)

// known resolves the functions hello and Capital, with an alias prod.
type known struct{}

var _ route.Resolver = known{}

func (known) Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error) {
	if ref.Name != "hello" && ref.Name != "Capital" {
		return nil, nil, rouse.Errorf(rouse.NotFound, "function %s: not found", ref.Name)
	}
	if ref.Qualifier != rouse.Latest && ref.Qualifier != "prod" {
		return nil, nil, rouse.Errorf(rouse.NotFound, "qualifier %s: not found", ref.Qualifier)
	}
	return &rouse.Function{Name: ref.Name}, &rouse.Revision{Function: ref.Name}, nil
}

// request reads a request line as a server does.
func request(t *testing.T, line, host string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r
}

// routed sends a request through the station and returns the call and the error.
func routed(rt *route.Router, r *http.Request) (*gateway.Call, error) {
	c := &gateway.Call{Writer: httptest.NewRecorder(), Request: r}
	passed := false
	err := rt.Station(func(*gateway.Call) error { passed = true; return nil })(c)
	if passed == (err != nil) {
		panic("the call went on although there was an error, or did not without one")
	}
	return c, err
}

func TestCallsFindTheirFunction(t *testing.T) {
	rt := route.New(known{}, "fn.Example.com.")
	for _, tt := range []struct{ line, host, ref, path, prefix string }{
		{"GET /fn/hello", "localhost", "hello", "/", "/fn/hello"},
		{"GET /fn/hello/", "localhost", "hello", "/", "/fn/hello"},
		{"GET /fn/hello:prod/a/b", "localhost", "hello:prod", "/a/b", "/fn/hello:prod"},
		{"GET /fn/hello:$LATEST/a", "localhost", "hello", "/a", "/fn/hello:$LATEST"},
		{"GET /fn/hello%3Aprod/a", "localhost", "hello:prod", "/a", "/fn/hello%3Aprod"},
		{"GET /fn/hello//a%2Fb/../c", "localhost", "hello", "//a%2Fb/../c", "/fn/hello"},
		{"GET /fn/hello/{odd}|^\"é?q={x}&a=%zz&&=", "localhost", "hello", "/{odd}|^\"é", "/fn/hello"},
		{"GET /fn/hello?x=/fn/other/", "localhost", "hello", "/", "/fn/hello"},
		{"GET http://localhost/fn/hello/a%2fb", "localhost", "hello", "/a%2fb", "/fn/hello"},
		{"GET /", "hello.localhost", "hello", "/", ""},
		{"GET /fn/other/%41", "hello.localhost:8080", "hello", "/fn/other/%41", ""},
		{"GET /a", "hello.LOCALHOST.", "hello", "/a", ""},
		{"GET /a", "hello.fn.example.com", "hello", "/a", ""},
		{"GET /a", "Capital.localhost", "Capital", "/a", ""},
		{"OPTIONS *", "hello.localhost", "hello", "/", ""},
	} {
		r := request(t, tt.line, tt.host)
		c, err := routed(rt, r)
		if err != nil {
			t.Errorf("%s on %s: %v", tt.line, tt.host, err)
			continue
		}
		if !rt.Serves(r) {
			t.Errorf("%s on %s: not served", tt.line, tt.host)
		}
		if c.Ref.String() != tt.ref || c.Path != tt.path || c.Prefix != tt.prefix {
			t.Errorf("%s on %s: ref %s, path %s, prefix %s", tt.line, tt.host, c.Ref, c.Path, c.Prefix)
		}
		if got := r.Header.Get("X-Forwarded-Prefix"); got != tt.prefix {
			t.Errorf("%s on %s: X-Forwarded-Prefix %q", tt.line, tt.host, got)
		}
		if c.Function == nil || c.Revision == nil {
			t.Errorf("%s on %s: function or revision is missing", tt.line, tt.host)
		}
		if _, query, _ := strings.Cut(tt.line, "?"); c.Request.URL.RawQuery != query {
			t.Errorf("%s: query became %q", tt.line, c.Request.URL.RawQuery)
		}
	}
}

func TestBadNamesEndBeforeAnythingElse(t *testing.T) {
	rt := route.New(known{})
	for _, tt := range []struct {
		line, host string
		want       rouse.Code
	}{
		{"GET /fn/unknown/", "localhost", rouse.NotFound},
		{"GET /fn/hello:unknown/", "localhost", rouse.NotFound},
		{"GET /", "unknown.localhost", rouse.NotFound},
		{"GET /fn", "localhost", rouse.NotFound},
		{"GET /fn/", "localhost", rouse.Invalid},
		{"GET /fn//", "localhost", rouse.Invalid},
		{"GET /fn/hello:/", "localhost", rouse.Invalid},
		{"GET /fn/../etc/passwd", "localhost", rouse.Invalid},
		{"GET /fn/%2e%2e%2fetc/", "localhost", rouse.Invalid},
		{"GET /fn/hello%00/", "localhost", rouse.Invalid},
		{"GET /fn/hel%6Co%0A/", "localhost", rouse.Invalid},
		{"GET /fn/%D0%BDello/", "localhost", rouse.Invalid}, // a Cyrillic look-alike
		{"GET /fn/" + strings.Repeat("x", 65) + "/", "localhost", rouse.Invalid},
		{"GET /", "a.b.localhost", rouse.Invalid},
	} {
		if _, err := routed(rt, request(t, tt.line, tt.host)); rouse.CodeOf(err) != tt.want {
			t.Errorf("%s on %s: %v, want %s", tt.line, tt.host, err, tt.want)
		}
	}
}

func TestOtherRequestsAreNotServed(t *testing.T) {
	rt := route.New(known{})
	for line, host := range map[string]string{
		"GET /": "localhost", "GET /fnord": "localhost:8080", "GET /api/v1/status": "127.0.0.1:8080",
		"GET /%66n/hello/": "localhost", "GET /metrics": "hello.example.com", "GET /healthz": ".localhost",
	} {
		if rt.Serves(request(t, line, host)) {
			t.Errorf("%s on %s is taken for a call", line, host)
		}
	}
}

func FuzzRoutingKeepsPathsWhole(f *testing.F) {
	for _, seed := range []string{"/fn/hello", "/fn/hello:prod/a%2Fb//..", "/fn/%68ello/{x}", "/fn//", "/fn/hello/?q", "/x"} {
		f.Add(seed, "localhost:8080")
	}
	f.Add("/fn/x", "hello.localhost")
	f.Add("/", "[::1]:80")
	rt := route.New(known{})
	f.Fuzz(func(t *testing.T, uri, host string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + uri + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
		if err != nil {
			t.Skip()
		}
		c, err := routed(rt, r)
		if err != nil {
			if code := rouse.CodeOf(err); code != rouse.Invalid && code != rouse.NotFound {
				t.Fatalf("%q on %q: %v", uri, host, err)
			}
			return
		}
		raw, _, _ := strings.Cut(r.RequestURI, "?")
		if !strings.HasPrefix(c.Path, "/") {
			t.Fatalf("%q: path %q", uri, c.Path)
		}
		if whole := c.Prefix + c.Path; strings.HasPrefix(raw, "/") && whole != raw && whole != raw+"/" {
			t.Fatalf("%q became %q and %q", uri, c.Prefix, c.Path)
		}
	})
}
