package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// urlHandler answers with the event that it got, fails, or streams.
const urlHandler = `
exports.handler = async (event) => {
  if (event.rawPath === '/fail') throw new Error('secret');
  if (event.rawPath === '/exit') process.exit(3);
  return { statusCode: 201, headers: { 'x-a': 'b', 'access-control-allow-origin': 'https://own.example' }, cookies: ['c=d'], body: JSON.stringify(event) };
};
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { 'x-a': 'b' } });
  out.write('one\n');
  await new Promise((r) => setTimeout(r, 500));
  out.write('two\n');
  out.end();
});
`

// urlServer is a server with a function whose URL is asked.
type urlServer struct {
	*server
	at string // the URL
}

// lambda does one operation of AWS's API, which has to succeed.
func (s *urlServer) lambda(method, path, body string) (answer struct{ FunctionUrl string }) {
	s.t.Helper()
	res, text := s.ask(method, s.url+path, body, nil)
	if res.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			s.t.Fatal(err)
		}
	}
	return answer
}

func (s *urlServer) ask(method, target, body string, header map[string]string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Host = header["Host"]
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, string(b)
}

// public lets everybody call the function's URL.
func (s *urlServer) public(name string) {
	s.t.Helper()
	s.lambda("POST", "/2015-03-31/functions/"+name+"/policy", `{"StatementId":"url","Action":"lambda:InvokeFunctionUrl","Principal":"*","FunctionUrlAuthType":"NONE"}`)
}

func newURLServer(t *testing.T, more ...string) *urlServer {
	t.Helper()
	s := &urlServer{server: serve(t, more...)}
	s.must("deploy", "f", "--code", tree(t, map[string]string{"index.js": urlHandler}), "--runtime", "nodejs20.x", "--handler", "index.handler")
	s.at = s.lambda("POST", "/2021-10-31/functions/f/url", `{"AuthType":"NONE","Cors":{"AllowOrigins":["https://a.example"],"AllowMethods":["PUT"],"ExposeHeaders":["x-a"]}}`).FunctionUrl
	return s
}

func TestAFunctionIsCalledByItsURL(t *testing.T) {
	s := newURLServer(t)
	if res, text := s.ask("GET", s.at, "", nil); res.StatusCode != 403 || !strings.Contains(text, `"Message":"Forbidden`) {
		t.Errorf("without a policy: %d %s", res.StatusCode, text)
	}
	s.public("f")
	id := strings.Split(s.at, "/")[4]
	host := id + ".lambda-url.us-east-1.localhost"
	for what, target := range map[string]struct{ url, host, domain string }{
		"path": {s.at + "a%2Fb?x=1&x=2", "", "127.0.0.1"},
		"host": {s.url + "/a%2Fb?x=1&x=2", host, host},
	} {
		res, text := s.ask("PUT", target.url, "body", map[string]string{"Host": target.host, "Cookie": "k=v", "Origin": "https://a.example", "Content-Type": "text/plain"})
		var ev struct {
			Version, RawPath, RawQueryString, Body string
			Cookies                                []string
			RequestContext                         struct{ AccountId, ApiId, DomainName, DomainPrefix, RequestId string }
		}
		if err := json.Unmarshal([]byte(text), &ev); err != nil {
			t.Fatalf("%s: %d %s", what, res.StatusCode, text)
		}
		about := ev.RequestContext
		if ev.Version != "2.0" || ev.RawPath != "/a%2Fb" || ev.RawQueryString != "x=1&x=2" || ev.Body != "body" || fmt.Sprint(ev.Cookies) != "[k=v]" ||
			about.AccountId != "anonymous" || about.ApiId != id || about.DomainPrefix != id || about.DomainName != target.domain {
			t.Errorf("%s: %s", what, text)
		}
		h := res.Header
		if res.StatusCode != 201 || h.Get("X-A") != "b" || h.Get("Set-Cookie") != "c=d" || h.Get("X-Amzn-Requestid") != about.RequestId ||
			fmt.Sprint(h.Values("Access-Control-Allow-Origin")) != "[https://a.example]" || h.Get("Access-Control-Expose-Headers") != "x-a" {
			t.Errorf("%s: %d %v", what, res.StatusCode, h)
		}
	}
	res, _ := s.ask("OPTIONS", s.at+"fail", "", map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
	if res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Methods") != "PUT" {
		t.Errorf("a preflight: %d %v", res.StatusCode, res.Header)
	}
}

func TestWhatGoesWrongBehindAURLIsAnsweredAsByAWS(t *testing.T) {
	s := newURLServer(t)
	s.public("f")
	for _, path := range []string{"fail", "exit"} {
		if res, text := s.ask("GET", s.at+path, "", nil); res.StatusCode != 502 || text != "Internal Server Error" {
			t.Errorf("%s: %d %q", path, res.StatusCode, text)
		}
	}
	if res, text := s.ask("POST", s.at, string(bytes.Repeat([]byte("x"), 6<<20+1)), nil); res.StatusCode != 413 || !strings.Contains(text, "smaller than 6291456 bytes") {
		t.Errorf("too large: %d %s", res.StatusCode, text)
	}
	s.lambda("PUT", "/2017-10-31/functions/f/concurrency", `{"ReservedConcurrentExecutions":0}`)
	if res, text := s.ask("GET", s.at, "", nil); res.StatusCode != 429 || !strings.Contains(text, "ReservedFunctionConcurrentInvocationLimitExceeded") || res.Header.Get("Retry-After") == "" {
		t.Errorf("nothing reserved: %d %s", res.StatusCode, text)
	}
	s.lambda("DELETE", "/2021-10-31/functions/f/url", "")
	if res, text := s.ask("GET", s.at, "", nil); res.StatusCode != 403 || text != `{"Message":null}` || res.Header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
		t.Errorf("deleted: %d %s", res.StatusCode, text)
	}
}

func TestAURLStreamsWhenItIsToldTo(t *testing.T) {
	s := newURLServer(t)
	s.must("deploy", "f", "--code", tree(t, map[string]string{"index.js": urlHandler}), "--runtime", "nodejs20.x", "--handler", "index.stream")
	s.public("f")
	if res, text := s.ask("GET", s.at, "", nil); res.StatusCode != 202 || text != "one\ntwo\n" || res.Header.Get("Content-Length") != "8" {
		t.Errorf("buffered: %d %v %q", res.StatusCode, res.Header, text)
	}
	s.lambda("PUT", "/2021-10-31/functions/f/url", `{"InvokeMode":"RESPONSE_STREAM"}`)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.at, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://a.example")
	res := streamed(t, req)
	if res.StatusCode != 202 || res.Header.Get("X-A") != "b" || res.Header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// The URL is the same after a restart, too.
func TestAPublicURLNeedsNoKey(t *testing.T) {
	s := newURLServer(t)
	s.public("f")
	u, err := url.Parse(s.at)
	if err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != 0 {
		t.Fatalf("the server ended with %d", code)
	}
	again := &urlServer{server: serveIn(t, s.data, "--auth", "keys")}
	if res, text := again.ask("GET", again.url+u.Path, "", nil); res.StatusCode != 201 {
		t.Errorf("after a restart, without a key: %d %s", res.StatusCode, text)
	}
	if res, _ := again.ask("GET", again.url+"/fn/f/", "", nil); res.StatusCode != 401 {
		t.Errorf("/fn/f/ without a key: %d", res.StatusCode)
	}
}

func TestAURLWithIAMTakesWhatIsSigned(t *testing.T) {
	for _, mode := range []string{"none", "keys"} {
		t.Run(mode, func(t *testing.T) {
			s := newURLServer(t)
			s.lambda("PUT", "/2021-10-31/functions/f/url", `{"AuthType":"AWS_IAM"}`)
			s.public("f") // which says nothing for this kind
			u, err := url.Parse(s.at)
			if err != nil {
				t.Fatal(err)
			}
			s.end()
			again := &urlServer{server: serveIn(t, s.data, "--auth", mode)}
			key := aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}
			if mode == "keys" {
				b, err := os.ReadFile(filepath.Join(s.data, "first-key"))
				if err != nil {
					t.Fatal(err)
				}
				key.AccessKeyID, key.SecretAccessKey, _ = strings.Cut(strings.TrimSpace(string(b)), ":")
			}
			stranger := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: "another"}
			for _, c := range []struct {
				key           aws.Credentials
				service, name string // of the error, "" for none
				sent          string // instead of the body that was signed
			}{
				{key, "lambda", "", "body"},
				{key, "s3", "AccessDeniedException", "body"},
				{aws.Credentials{}, "", "AccessDeniedException", "body"},
				{stranger, "lambda", map[string]string{"keys": "InvalidSignatureException"}[mode], "body"},
				{key, "lambda", map[string]string{"keys": "InvalidSignatureException"}[mode], "more"},
			} {
				req, err := http.NewRequestWithContext(t.Context(), "POST", again.url+u.Path+"a%20b?x=1", strings.NewReader(c.sent))
				if err != nil {
					t.Fatal(err)
				}
				if c.service != "" {
					sum := sha256.Sum256([]byte("body"))
					if err := v4.NewSigner().SignHTTP(t.Context(), c.key, req, hex.EncodeToString(sum[:]), c.service, "us-east-1", time.Now()); err != nil {
						t.Fatal(err)
					}
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if c.name != "" {
					if res.StatusCode != 403 || res.Header.Get("X-Amzn-Errortype") != c.name || !strings.Contains(string(text), `"Message":`) {
						t.Errorf("%s: %d %v %s, want %s", c.service, res.StatusCode, res.Header, text, c.name)
					}
					continue
				}
				var ev events.LambdaFunctionURLRequest
				if err := json.Unmarshal(text, &ev); err != nil || res.StatusCode != 201 {
					t.Fatalf("%d %s", res.StatusCode, text)
				}
				about := ev.RequestContext
				if about.AccountID != "000000000000" || about.Authorizer == nil || about.Authorizer.IAM.AccessKey != c.key.AccessKeyID ||
					about.Authorizer.IAM.UserARN != "arn:aws:iam::000000000000:root" || ev.Headers["authorization"] != "" {
					t.Errorf("%s", text)
				}
			}
		})
	}
}
