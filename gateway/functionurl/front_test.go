package functionurl

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const (
	id     = "abcdefghijklmnopqrstuvwxyz234567"
	public = `{"Sid":"s","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"r","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`
)

// world is a platform with one function, f, that has one URL.
type world struct {
	fn   rouse.Function
	rev  rouse.Revision
	next gateway.Handler
	call *gateway.Call // the last that went on
}

func newWorld() *world {
	return &world{
		fn: rouse.Function{Name: "f", Lambda: &rouse.LambdaFunction{
			URLs:     map[rouse.Qualifier]rouse.FunctionURL{"live": {ID: id, Auth: rouse.URLAuthNone, Mode: rouse.URLBuffered}},
			Policies: map[rouse.Qualifier][]rouse.Statement{"live": {{ID: "s", Body: json.RawMessage(public)}}},
		}},
		rev: rouse.Revision{Spec: rouse.DefaultSpec()},
		next: func(c *gateway.Call) error {
			c.URL.Head(c.Writer.Header())
			_, err := io.WriteString(c.Writer, "answered")
			return err
		},
	}
}

func (w *world) Functions() []rouse.Function { return []rouse.Function{w.fn} }

func (w *world) Function(name rouse.FunctionName) (*rouse.Function, error) {
	if name != w.fn.Name {
		return nil, rouse.Errorf(rouse.NotFound, "no function")
	}
	return &w.fn, nil
}

func (w *world) Resolve(ref rouse.Ref) (*rouse.Function, *rouse.Revision, error) {
	fn, err := w.Function(ref.Name)
	return fn, &w.rev, err
}

func (w *world) front() *Front {
	return New(Config{
		Catalog: w, Domains: []string{"fn.example.com"}, Place: rouse.DefaultPlace, MaxEvent: 6 * rouse.MB, Log: slog.New(slog.DiscardHandler),
		Next: func(c *gateway.Call) error {
			w.call = c
			return w.next(c)
		},
	})
}

func (w *world) setCORS(rules *rouse.CORS) {
	u := w.fn.Lambda.URLs["live"]
	u.CORS = rules
	w.fn.Lambda.URLs["live"] = u
}

func ask(f *Front, method, host, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestAURLIsReachedByPathAndByHost(t *testing.T) {
	const at = ".lambda-url.us-east-1."
	for _, c := range []struct{ host, target, path, prefix string }{
		{"127.0.0.1:8080", "/lambda-url/" + id, "/", "/lambda-url/" + id},
		{"127.0.0.1:8080", "/lambda-url/" + id + "/", "/", "/lambda-url/" + id},
		{"127.0.0.1:8080", "/lambda-url/" + id + "//a%2Fb/?x=1", "//a%2Fb/", "/lambda-url/" + id},
		{id + at + "localhost:8080", "/", "/", ""},
		{id + at + "localhost", "/lambda-url/x", "/lambda-url/x", ""},
		{strings.ToUpper(id) + at + "FN.example.com.", "/a", "/a", ""},
	} {
		w := newWorld()
		f := w.front()
		for range 2 { // the second finds the function where the first did
			r := ask(f, "GET", c.host, c.target)
			if r.Code != 200 || w.call == nil || w.call.Path != c.path || w.call.Prefix != c.prefix {
				t.Fatalf("%s %s: %d %s, %+v", c.host, c.target, r.Code, r.Body, w.call)
			}
			if got := *w.call.URL; w.call.Ref != (rouse.Ref{Name: "f", Qualifier: "live"}) || got.ID != id || got.Stream ||
				got.ARN != "arn:aws:lambda:us-east-1:000000000000:function:f:live" {
				t.Errorf("%+v of %s", got, w.call.Ref)
			}
			w.call = nil
		}
	}
}

func TestOtherRequestsAreNotForURLs(t *testing.T) {
	f := newWorld().front()
	for host, path := range map[string]string{
		"f.localhost": "/", "lambda-url.us-east-1.localhost": "/", id + ".lambda-url.eu-west-1.localhost": "/", "127.0.0.1": "/lambda-urls/x", "localhost": "/fn/lambda-url/",
	} {
		r := httptest.NewRequest("GET", path, nil)
		if r.Host = host; f.Serves(r) {
			t.Errorf("%s%s is taken for a function URL", host, path)
		}
	}
}

func TestAnUnknownURLIsForbidden(t *testing.T) {
	w := newWorld()
	f := w.front()
	unknown := func(target string) {
		t.Helper()
		r := ask(f, "GET", "127.0.0.1", target)
		if r.Code != 403 || r.Body.String() != `{"Message":null}` || r.Header().Get("X-Amzn-Errortype") != "AccessDeniedException" || w.call != nil {
			t.Errorf("%s: %d %v %s", target, r.Code, r.Header(), r.Body)
		}
	}
	for _, target := range []string{"/lambda-url", "/lambda-url/", "/lambda-url//", "/lambda-url/" + strings.Repeat("x", 32)} {
		unknown(target)
	}
	ask(f, "GET", "127.0.0.1", "/lambda-url/"+id)
	w.call = nil
	delete(w.fn.Lambda.URLs, "live") // where it was found before
	unknown("/lambda-url/" + id)
}

func TestThePolicySaysWhetherEverybodyMayCall(t *testing.T) {
	for statement, allowed := range map[string]bool{
		public: true,
		`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"lambda:*"}`:                                                                                      true,
		`{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`:                 true,
		`{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction"}`:                                                                                 false,
		`{"Effect":"Deny","Principal":"*","Action":"lambda:InvokeFunctionUrl"}`:                                                                               false,
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"lambda:InvokeFunctionUrl"}`:                                         false,
		`{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunctionUrl"}`:                                                   false,
		`{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}}}`:        false,
		`{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Condition":{"StringEquals":{"AWS:SourceAccount":"000000000000"}}}`:            false,
		`{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Condition":{"StringNotEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`:        false,
		`{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":["NONE"],"a":"b"}}}`: false,
		`no JSON`: false,
	} {
		w := newWorld()
		w.fn.Lambda.Policies["live"] = []rouse.Statement{{Body: json.RawMessage(`{"Effect":"Allow"}`)}, {Body: json.RawMessage(statement)}}
		r := ask(w.front(), "GET", "127.0.0.1", "/lambda-url/"+id)
		if (w.call != nil) != allowed || (r.Code == 200) != allowed || !allowed && (r.Code != 403 || !strings.Contains(r.Body.String(), `{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`)) {
			t.Errorf("%s: %d %s", statement, r.Code, r.Body)
		}
	}
	w := newWorld() // a statement for the whole function says nothing of its alias
	w.fn.Lambda.Policies[""], w.fn.Lambda.Policies["live"] = w.fn.Lambda.Policies["live"], nil
	if r := ask(w.front(), "GET", "127.0.0.1", "/lambda-url/"+id); r.Code != 403 || w.call != nil {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

func TestErrorsAreAWSs(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		body   string
		kind   string
	}{
		"raised":     {&rouse.Error{Code: rouse.FunctionError, Type: "ValueError", Message: "secret"}, 502, "Internal Server Error", ""},
		"exited":     {&rouse.Error{Code: rouse.Unavailable, Exit: &rouse.Exit{}}, 502, "Internal Server Error", ""},
		"init":       {&rouse.Error{Code: rouse.StartFailed, Message: "secret"}, 502, "Internal Server Error", ""},
		"overdue":    {&rouse.Error{Code: rouse.Timeout, Type: "Sandbox.Timedout"}, 502, "Internal Server Error", ""},
		"starting":   {rouse.Errorf(rouse.Timeout, "not ready"), 503, `{"Message":"not ready","Type":"Server"}`, "ServiceException"},
		"held":       {&rouse.Error{Code: rouse.Timeout, Quota: rouse.QuotaAccount}, 429, `{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`, "TooManyRequestsException"},
		"reserved":   {&rouse.Error{Code: rouse.Throttled, Quota: rouse.QuotaReserved}, 429, `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`, "TooManyRequestsException"},
		"large":      {rouse.Errorf(rouse.TooLarge, "body"), 413, `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`, "RequestEntityTooLargeException"},
		"stopping":   {rouse.Errorf(rouse.Unavailable, "stopping"), 503, `{"Message":"stopping","Type":"Server"}`, "ServiceException"},
		"slow":       {rouse.Errorf(rouse.Invalid, "no body"), 400, `{"Type":"User","message":"no body"}`, "InvalidRequestContentException"},
		"a bug":      {io.ErrUnexpectedEOF, 500, `{"Message":"internal error; the server's log has the details under this request id","Type":"Server"}`, "ServiceException"},
		"alias gone": {rouse.Errorf(rouse.NotFound, "alias"), 403, `{"Message":null}`, "AccessDeniedException"},
	} {
		w := newWorld()
		w.next = func(*gateway.Call) error { return c.err }
		r := ask(w.front(), "GET", "127.0.0.1", "/lambda-url/"+id)
		if r.Code != c.status || r.Body.String() != c.body || r.Header().Get("X-Amzn-Errortype") != c.kind {
			t.Errorf("%s: %d %v %s", name, r.Code, r.Header(), r.Body)
		}
		if again := r.Header().Get("Retry-After") != ""; again != (c.status == 429 || c.status == 503) {
			t.Errorf("%s: Retry-After %v", name, again)
		}
	}
}

func TestAnswersAreSharedWithTheOriginsThatAreAllowed(t *testing.T) {
	five, yes, no := 5, true, false
	all := &rouse.CORS{Origins: []string{"https://a.example", "https://b.example"}, Methods: []string{"GET", "PUT"}, Headers: []string{"X-A", "X-B"}, ExposeHeaders: []string{"Date", "X-C"}, MaxAge: &five, Credentials: &yes}
	wild := &rouse.CORS{Origins: []string{"*"}, Methods: []string{"*"}, Headers: []string{"*"}, Credentials: &no}
	both := &rouse.CORS{Origins: []string{"*"}, Methods: []string{"*"}, Credentials: &yes}
	for name, c := range map[string]struct {
		rules       *rouse.CORS
		origin      string
		ask, answer string // a preflight's header of CORS, and an answer's
		vary        string
	}{
		"all six":             {all, "https://b.example", "Credentials: true|Headers: X-A,X-B|Methods: GET,PUT|Origin: https://b.example|Max-Age: 5", "Credentials: true|Origin: https://b.example|Expose-Headers: Date,X-C", "Origin"},
		"another origin":      {all, "https://c.example", "", "", "Origin"},
		"a part of an origin": {all, "https://a.example.evil", "", "", "Origin"},
		"everybody":           {wild, "https://c.example", "Headers: x-asked|Methods: PATCH|Origin: *", "Origin: *", ""},
		"with credentials":    {both, "https://c.example", "Credentials: true|Methods: PATCH|Origin: https://c.example", "Credentials: true|Origin: https://c.example", "Origin"},
		"none is allowed":     {&rouse.CORS{Methods: []string{"*"}}, "https://c.example", "", "", "Origin"},
	} {
		w := newWorld()
		w.setCORS(c.rules)
		w.next = func(call *gateway.Call) error {
			h := call.Writer.Header() // what the function says of it does not count
			h.Set(allowOrigin, "https://the.function")
			h.Set(maxAge, "9")
			call.URL.Head(h)
			call.Writer.WriteHeader(http.StatusOK)
			return nil
		}
		f := w.front()
		r := ask(f, "OPTIONS", "127.0.0.1", "/lambda-url/"+id, "Origin", c.origin, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "x-asked")
		if got := said(r.Header()); r.Code != 200 || got != c.ask || w.call != nil || r.Header().Get("Vary") != c.vary {
			t.Errorf("%s: preflight %d %s, want %s; %v", name, r.Code, got, c.ask, r.Header())
		}
		r = ask(f, "PATCH", "127.0.0.1", "/lambda-url/"+id, "Origin", c.origin)
		if got := said(r.Header()); r.Code != 200 || got != c.answer || w.call == nil || r.Header().Get("Vary") != c.vary {
			t.Errorf("%s: %d %s, want %s; %v", name, r.Code, got, c.answer, r.Header())
		}
		w.next = func(*gateway.Call) error { return rouse.Errorf(rouse.FunctionError, "raised") }
		if r = ask(f, "PATCH", "127.0.0.1", "/lambda-url/"+id, "Origin", c.origin); r.Code != 502 || said(r.Header()) != c.answer {
			t.Errorf("%s: an error is shared as %s", name, said(r.Header()))
		}
	}
}

// said is a header's words on CORS.
func said(h http.Header) string {
	var words []string
	for _, name := range []string{allowCredentials, allowHeaders, allowMethods, allowOrigin, exposeHeaders, maxAge} {
		if value := h.Get(name); value != "" {
			words = append(words, strings.TrimPrefix(strings.TrimPrefix(name, "Access-Control-Allow-"), "Access-Control-")+": "+value)
		}
	}
	return strings.Join(words, "|")
}

func TestWithoutRulesCORSIsTheFunctions(t *testing.T) {
	w := newWorld()
	f := w.front()
	if r := ask(f, "OPTIONS", "127.0.0.1", "/lambda-url/"+id, "Origin", "https://a.example", "Access-Control-Request-Method", "GET"); r.Code != 200 || w.call == nil {
		t.Errorf("the function was not asked: %d", r.Code)
	}
	w.call = nil
	w.setCORS(&rouse.CORS{Origins: []string{"*"}})
	if r := ask(f, "OPTIONS", "127.0.0.1", "/lambda-url/"+id); r.Code != 200 || w.call == nil {
		t.Errorf("OPTIONS that is no preflight: %d", r.Code)
	}
}
