package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse/gateway/auth"
)

// keys is one key: id and secret.
type keys map[string]string

func (k keys) Secret(id string) (string, bool) {
	secret, ok := k[id]
	return secret, ok
}

// published is the key of AWS's own test suite for Signature Version 4.
var published = keys{"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}

func at(t *testing.T, stamp string) func() time.Time {
	t.Helper()
	when, err := time.Parse("20060102T150405Z", stamp)
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Time { return when }
}

// TestThePublishedVectorsAreAccepted takes requests and signatures from AWS's
// "Signature Version 4 test suite".
func TestThePublishedVectorsAreAccepted(t *testing.T) {
	a := &auth.Authenticator{Keys: published, Now: at(t, "20150830T123600Z")}
	for _, v := range []struct{ name, method, target, headers, body, signed, signature string }{
		{"get-vanilla", "GET", "/", "", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		{"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{"get-utf8", "GET", "/\u1234", "", "", "host;x-amz-date", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		{"get-relative", "GET", "/example/..", "", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-slashes", "GET", "//example//", "", "", "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		{"get-header-value-trim", "GET", "/", "My-Header1: value1|My-Header2:  \"a   b   c\"  ", "", "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{"post-vanilla", "POST", "/", "", "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-x-www-form-urlencoded", "POST", "/", "Content-Type: application/x-www-form-urlencoded", "Param1=value1", "content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
	} {
		request := func(signature string) *http.Request {
			r := httptest.NewRequest(v.method, "http://example.amazonaws.com/", strings.NewReader(v.body))
			r.RequestURI = v.target
			path, query, _ := strings.Cut(v.target, "?")
			r.URL = &url.URL{Path: path, RawQuery: query}
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			for header := range strings.SplitSeq(v.headers, "|") {
				name, value, _ := strings.Cut(header, ": ")
				if name != "" {
					r.Header[http.CanonicalHeaderKey(name)] = []string{value}
				}
			}
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+v.signed+", Signature="+signature)
			return r
		}
		if id, err := a.Caller(httptest.NewRecorder(), request(v.signature)); err != nil || id != "AKIDEXAMPLE" {
			t.Errorf("%s: %q, %v", v.name, id, err)
		}
		other := strings.Map(func(c rune) rune { return '0' + (c+1)%10 }, v.signature)
		if _, err := a.Caller(httptest.NewRecorder(), request(other)); err == nil {
			t.Errorf("%s: another signature is accepted", v.name)
		}
	}
}
