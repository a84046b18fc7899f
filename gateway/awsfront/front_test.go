package awsfront

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// front is served on a real listener; fallback may be "".
func front(t *testing.T, fallback string) *httptest.Server {
	t.Helper()
	c := Config{
		Signed: auth.Service, Place: rouse.DefaultPlace, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler),
		Identity: func(*http.Request) Identity { return Identity{"arn:aws:iam::000000000000:root", "000000000000"} },
	}
	if fallback != "" {
		c.Fallback, _ = url.Parse(fallback)
	}
	f := New(c)
	s := httptest.NewServer(f)
	t.Cleanup(func() { s.Client().CloseIdleConnections(); s.Close(); f.Close() })
	return s
}

func send(t *testing.T, s *httptest.Server, service, method, target, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = target
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestWhatRouseLacksIsRefusedInTheProtocolsForm(t *testing.T) {
	s := front(t, "")
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		service, body, want string
		header              []string
	}{
		{"s3", "", "<Error><Code>NotImplemented</Code>", nil},
		{"dynamodb", "{}", `"__type":"com.amazon.coral.service#NotImplementedException"`, []string{"X-Amz-Target", "DynamoDB_20120810.ListTables"}},
		{"sns", "Action=ListTopics", "<ErrorResponse><Error><Type>Receiver</Type><Code>NotImplemented</Code>", form},
		{"iam", "Action=CreateRole", `iam &#34;CreateRole&#34;`, form},
		{"route53", "", "<ErrorResponse>", nil},
		{"apigateway", "", `{"message":"Rouse has no apigateway`, nil},
		{"monitoring", "", "NotImplementedException", []string{"Smithy-Protocol", "rpc-v2-cbor"}},
	} {
		resp, body := send(t, s, c.service, "POST", "/", c.body, c.header...)
		if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(body, c.want) || !strings.Contains(body, "--aws-fallback") {
			t.Errorf("%s: %d %s", c.service, resp.StatusCode, body)
		}
	}
}

func TestWhatLambdasClientsAskIsAnswered(t *testing.T) {
	s := front(t, "")
	for _, c := range []struct{ service, body, want string }{
		{"sts", "Action=GetCallerIdentity&Version=2011-06-15", "<Account>000000000000</Account>"},
		{"iam", "Action=GetRole&RoleName=any", "<Arn>arn:aws:iam::000000000000:role/any</Arn>"},
		{"iam", "Action=GetRole&RoleName=a/b", "<Code>ValidationError</Code>"},
	} {
		if _, body := send(t, s, c.service, "POST", "/", c.body, "Content-Type", "application/x-www-form-urlencoded"); !strings.Contains(body, c.want) {
			t.Errorf("%s: %s", c.body, body)
		}
	}
}

func TestTheFallbackGetsRequestsAsTheyCame(t *testing.T) {
	emulator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Amz-Own", "kept")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, r.Method+" "+r.RequestURI+" "+r.Host+" "+r.Header.Get("Authorization")[:4]+" "+r.Header.Get("X-Forwarded-For")+" "+string(b))
	}))
	defer emulator.Close()
	s := front(t, emulator.URL)
	host := strings.TrimPrefix(s.URL, "http://")
	resp, body := send(t, s, "s3", "PUT", "/b/a%20b//c%2Fd?acl&x=1;2&y=%2B", "payload", "X-Forwarded-For", "1.2.3.4")
	if want := "PUT /b/a%20b//c%2Fd?acl&x=1;2&y=%2B " + host + " AWS4 1.2.3.4 payload"; body != want || resp.StatusCode != http.StatusTeapot || resp.Header.Get("X-Amz-Own") != "kept" {
		t.Errorf("%d %v\n%s\nwant\n%s", resp.StatusCode, resp.Header, body, want)
	}
	if resp, _ := send(t, s, "s3", "GET", "/", "", "Via", via); resp.StatusCode != http.StatusLoopDetected {
		t.Errorf("a loop: %d", resp.StatusCode)
	}
	emulator.Close()
	if resp, body := send(t, s, "s3", "GET", "/", ""); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "<Code>ServiceUnavailable</Code>") {
		t.Errorf("no emulator: %d %s", resp.StatusCode, body)
	}
}
