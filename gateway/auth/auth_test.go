package auth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"github.com/rousehq/rouse/gateway/auth"
)

const stamp = "20260102T030405Z"

var ours = keys{"ROUSEKEY": "secret"}

var credentials = aws.Credentials{AccessKeyID: "ROUSEKEY", SecretAccessKey: "secret"}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// received is r as a server gets it.
func received(t *testing.T, r *http.Request, body string) *http.Request {
	t.Helper()
	target := r.URL.RequestURI()
	in := httptest.NewRequest(r.Method, "http://"+r.Host+target, strings.NewReader(body))
	in.RequestURI = target
	in.Header = r.Header.Clone()
	return in
}

// signed is a request that the SDK for Go signed, its body changed on the way to sent.
func signed(t *testing.T, who aws.Credentials, service, method, target, body, sent string, now time.Time, edit func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(r)
	}
	hash := hashOf(body)
	if declared := r.Header.Get("X-Amz-Content-Sha256"); declared != "" {
		hash = declared
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err := signer.SignHTTP(t.Context(), who, r, hash, service, "us-east-1", now); err != nil {
		t.Fatal(err)
	}
	return received(t, r, sent)
}

func reason(err error) string {
	var rejection *auth.Rejection
	if errors.As(err, &rejection) {
		return rejection.Name
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestASignatureIsVerified(t *testing.T) {
	now := at(t, stamp)
	a := &auth.Authenticator{Keys: ours, Now: now}
	const lambda = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations?Qualifier=%24LATEST&a=b+c"
	other := credentials
	other.SecretAccessKey = "another"
	stranger, session := credentials, credentials
	stranger.AccessKeyID, session.SessionToken = "NOBODY", "a-session"
	type edit = func(*http.Request)
	header := func(name, value string) edit { return func(r *http.Request) { r.Header.Set(name, value) } }
	for name, c := range map[string]struct {
		who           aws.Credentials
		service, path string
		body, sent    string
		now           time.Time
		edit          edit
		after         edit
		want          string
	}{
		"as it should be":        {},
		"no body":                {body: "", sent: ""},
		"s3, an odd key":         {service: "s3", path: "/bucket/a%20b/c%2Bd%3D//e?x-id=PutObject"},
		"s3, declared body":      {service: "s3", path: "/b/k", edit: header("X-Amz-Content-Sha256", hashOf("{}"))},
		"declared body":          {edit: header("X-Amz-Content-Sha256", hashOf("{}"))},
		"unsigned body":          {edit: header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), sent: "[]"},
		"chunks for s3":          {service: "s3", path: "/b/k", edit: header("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), sent: "2;"},
		"almost too old":         {now: now().Add(-5 * time.Minute)},
		"almost too new":         {now: now().Add(5 * time.Minute)},
		"chunks for others":      {edit: header("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), want: "InvalidSignatureException"},
		"another body":           {sent: "{ }", want: "InvalidSignatureException"},
		"not the declared body":  {edit: header("X-Amz-Content-Sha256", hashOf("{}")), sent: "x", want: "InvalidSignatureException"},
		"no hash":                {edit: header("X-Amz-Content-Sha256", "abc"), want: "InvalidSignatureException"},
		"another secret":         {who: other, want: "InvalidSignatureException"},
		"an unknown key":         {who: stranger, want: "UnrecognizedClientException"},
		"a session":              {who: session, want: "UnrecognizedClientException"},
		"too old":                {now: now().Add(-5*time.Minute - time.Second), want: "InvalidSignatureException"},
		"too new":                {now: now().Add(5*time.Minute + time.Second), want: "InvalidSignatureException"},
		"another method":         {after: func(r *http.Request) { r.Method = "PUT" }, want: "InvalidSignatureException"},
		"another host":           {after: func(r *http.Request) { r.Host = "elsewhere" }, want: "InvalidSignatureException"},
		"another path":           {after: func(r *http.Request) { r.RequestURI = "/2015-03-31/functions/g/invocations" }, want: "InvalidSignatureException"},
		"another query":          {after: func(r *http.Request) { r.URL.RawQuery = "Qualifier=1" }, want: "InvalidSignatureException"},
		"a changed header":       {after: header("Content-Type", "text/plain"), want: "InvalidSignatureException"},
		"another day":            {after: header("X-Amz-Date", "20260101T235959Z"), want: "InvalidSignatureException"},
		"no date":                {after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: "IncompleteSignatureException"},
		"no signature":           {after: header("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request"), want: "IncompleteSignatureException"},
		"another algorithm":      {after: header("Authorization", "AWS4-ECDSA-P256-SHA256 Credential=a/b/d/aws4_request"), want: "IncompleteSignatureException"},
		"a scope of four":        {after: header("Authorization", "AWS4-HMAC-SHA256 Credential=a/20260102/x/aws4_request, SignedHeaders=host, Signature=1"), want: "IncompleteSignatureException"},
		"nothing":                {after: func(r *http.Request) { r.Header.Del("Authorization") }, want: "MissingAuthenticationTokenException"},
		"a token of an unknown":  {after: header("Authorization", "Bearer NOBODY:secret"), want: "UnrecognizedClientException"},
		"a token with no secret": {after: header("Authorization", "Bearer NOBODY:"), want: "UnrecognizedClientException"},
	} {
		if c.service == "" {
			c.service, c.path = "lambda", lambda
		}
		if c.who.AccessKeyID == "" {
			c.who = credentials
		}
		if c.now.IsZero() {
			c.now = now()
		}
		body := "{}"
		if name == "no body" {
			body = ""
		} else if c.sent == "" {
			c.sent = body
		}
		r := signed(t, c.who, c.service, "POST", c.path, body, c.sent, c.now, c.edit)
		if c.after != nil {
			c.after(r)
		}
		id, err := a.Caller(httptest.NewRecorder(), r)
		if got := reason(err); got != c.want || (err == nil) != (id == "ROUSEKEY") {
			t.Errorf("%s: %q, %v; want %q", name, id, err, c.want)
			continue
		}
		if err == nil {
			if b, err := io.ReadAll(r.Body); string(b) != c.sent || err != nil {
				t.Errorf("%s: the body is now %q, %v", name, b, err)
			}
		}
	}
}

func TestASignatureDoesForNoOtherOperation(t *testing.T) {
	now := at(t, stamp)
	a := &auth.Authenticator{Keys: ours, Now: now}
	target := func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues") }
	r := signed(t, credentials, "sqs", "POST", "/", "{}", "{}", now(), target)
	if _, err := a.Signature(httptest.NewRecorder(), r); err != nil {
		t.Errorf("as it was signed: %v", err)
	}
	r = signed(t, credentials, "sqs", "POST", "/", "{}", "{}", now(), nil)
	target(r)
	if _, err := a.Signature(httptest.NewRecorder(), r); reason(err) != "InvalidSignatureException" {
		t.Errorf("a target that was put in later: %v", err)
	}
}

func TestABodyForS3MustBeWhatWasDeclared(t *testing.T) {
	a := &auth.Authenticator{Keys: ours, Now: at(t, stamp)}
	r := signed(t, credentials, "s3", "PUT", "/b/k", "real", "fake", at(t, stamp)(), func(r *http.Request) {
		r.Header.Set("X-Amz-Content-Sha256", hashOf("real"))
	})
	if _, err := a.Signature(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r.Body); err == nil {
		t.Errorf("%q was read without an error", b)
	}
}

func TestAPresignedURLIsVerified(t *testing.T) {
	now := at(t, stamp)
	for name, c := range map[string]struct {
		service, expires, hash string
		edit                   func(*http.Request)
		after                  time.Duration
		want                   string
	}{
		"s3":               {service: "s3", expires: "604800", hash: "UNSIGNED-PAYLOAD", after: 604800 * time.Second},
		"lambda":           {service: "lambda", expires: "60", hash: hashOf("body"), after: time.Minute},
		"unsigned body":    {service: "lambda", expires: "60", hash: "UNSIGNED-PAYLOAD"},
		"another body":     {service: "lambda", expires: "60", hash: hashOf("x"), want: "InvalidSignatureException"},
		"expired":          {service: "s3", expires: "60", hash: "UNSIGNED-PAYLOAD", after: 61 * time.Second, want: "InvalidSignatureException"},
		"for too long":     {service: "s3", expires: "604801", hash: "UNSIGNED-PAYLOAD", want: "IncompleteSignatureException"},
		"for ever":         {service: "s3", expires: "", hash: "UNSIGNED-PAYLOAD", want: "IncompleteSignatureException"},
		"not yet":          {service: "s3", expires: "60", hash: "UNSIGNED-PAYLOAD", after: -6 * time.Minute, want: "InvalidSignatureException"},
		"a longer life":    {service: "s3", expires: "60", hash: "UNSIGNED-PAYLOAD", want: "InvalidSignatureException", edit: func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Expires=60", "Expires=99", 1) }},
		"another method":   {service: "s3", expires: "60", hash: "UNSIGNED-PAYLOAD", want: "InvalidSignatureException", edit: func(r *http.Request) { r.Method = "DELETE" }},
		"an added element": {service: "s3", expires: "60", hash: "UNSIGNED-PAYLOAD", want: "InvalidSignatureException", edit: func(r *http.Request) { r.URL.RawQuery += "&acl=" }},
	} {
		target := "http://127.0.0.1:8080/bucket/a%20key"
		if c.expires != "" {
			target += "?X-Amz-Expires=" + c.expires
		}
		r, err := http.NewRequestWithContext(t.Context(), "PUT", target, nil)
		if err != nil {
			t.Fatal(err)
		}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.service == "s3" })
		link, _, err := signer.PresignHTTP(t.Context(), credentials, r, c.hash, c.service, "us-east-1", now())
		if err != nil {
			t.Fatal(err)
		}
		in := httptest.NewRequest("PUT", link, bytes.NewBufferString("body"))
		in.RequestURI = in.URL.RequestURI()
		if c.edit != nil {
			c.edit(in)
		}
		if got := auth.Service(in); got != c.service {
			t.Errorf("%s: the service is %q", name, got)
		}
		a := &auth.Authenticator{Keys: ours, Now: func() time.Time { return now().Add(c.after) }}
		if _, err := a.Caller(httptest.NewRecorder(), in); reason(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAnyChangeOfWhatWasSignedIsNoticed(t *testing.T) {
	a := &auth.Authenticator{Keys: ours, Now: at(t, stamp)}
	rapid.Check(t, func(rt *rapid.T) {
		segment := rapid.StringMatching(`[a-zA-Z0-9%$:+ ~é]{0,12}`)
		path, name, value, body := segment.Draw(rt, "path"), segment.Draw(rt, "name"), segment.Draw(rt, "value"), segment.Draw(rt, "body")
		service := rapid.SampledFrom([]string{"lambda", "s3", "sqs"}).Draw(rt, "service")
		r := signed(t, credentials, service, "POST", "/x/"+escaped(path)+"?n="+escaped(value), body, body, at(t, stamp)(), func(r *http.Request) {
			r.Header.Set("X-Amz-Thing", name)
		})
		if _, err := a.Caller(httptest.NewRecorder(), r.Clone(t.Context())); err != nil {
			rt.Fatalf("it is refused: %v", err)
		}
		switch rapid.IntRange(0, 2).Draw(rt, "change") {
		case 0:
			r.RequestURI = strings.Replace(r.RequestURI, "/x/", "/x/y", 1)
		case 1:
			r.URL.RawQuery += "y"
		case 2:
			r.Header.Set("X-Amz-Thing", name+"y")
		}
		if _, err := a.Caller(httptest.NewRecorder(), r); err == nil {
			rt.Fatal("a change is not noticed")
		}
	})
}

func escaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

func TestATokenIsTakenOutOfTheRequest(t *testing.T) {
	a := &auth.Authenticator{Keys: ours, Now: at(t, stamp)}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ROUSEKEY:secret"))
	for _, c := range []struct{ name, value, want string }{
		{"Authorization", "Bearer ROUSEKEY:secret", ""},
		{"Authorization", "bearer ROUSEKEY:secret", ""},
		{"Authorization", basic, ""},
		{"X-Rouse-Key", "ROUSEKEY:secret", ""},
		{"X-Rouse-Key", "ROUSEKEY", "MissingAuthenticationTokenException"},
		{"Authorization", "Bearer ROUSEKEY:Secret", "UnrecognizedClientException"},
		{"Authorization", "Bearer of something else", "MissingAuthenticationTokenException"},
		{"Authorization", "Basic ????", "MissingAuthenticationTokenException"},
		{"Authorization", "Negotiate ROUSEKEY:secret", "MissingAuthenticationTokenException"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(c.name, c.value)
		_, err := a.Caller(httptest.NewRecorder(), r)
		if reason(err) != c.want {
			t.Errorf("%s %s: %v, want %q", c.name, c.value, err, c.want)
		}
		if left := r.Header.Get(c.name); err == nil && left != "" {
			t.Errorf("%s %s: the function would see it", c.name, c.value)
		}
	}
	// A function's own Authorization passes beside the key.
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer its-own")
	r.Header.Set(auth.KeyHeader, "ROUSEKEY:secret")
	if _, err := a.Caller(httptest.NewRecorder(), r); err != nil || r.Header.Get("Authorization") != "Bearer its-own" || r.Header.Get(auth.KeyHeader) != "" {
		t.Errorf("%v, %v", err, r.Header)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=ROUSEKEY/20260102/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00", "a=b")
	f.Add("", "X-Amz-Credential=ROUSEKEY&X-Amz-Signature=%zz")
	f.Fuzz(func(t *testing.T, header, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", stamp)
		auth.Service(r)
		a := &auth.Authenticator{Keys: ours, Now: at(t, stamp)}
		if id, err := a.Signature(httptest.NewRecorder(), r); err == nil {
			t.Errorf("%q with %q is taken for %s", header, query, id)
		}
	})
}
