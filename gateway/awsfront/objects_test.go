package awsfront

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// store is an S3 of one answer, which notes what it was asked.
func store(t *testing.T, status int, body string) (*Objects, *http.Request) {
	t.Helper()
	asked := new(http.Request)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r.Clone(r.Context())
		w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	base, _ := url.Parse(s.URL)
	return NewObjects(base, "eu-west-1", time.Minute, func(string) string { return "" }), asked
}

func TestAnObjectIsAskedForAsClientsOfS3Do(t *testing.T) {
	o, asked := store(t, 200, "the archive")
	got, err := o.Object(t.Context(), "bucket", "a b/ü+&.zip", "v 1", 11)
	if err != nil || string(got) != "the archive" {
		t.Fatalf("%s, %v", got, err)
	}
	if asked.RequestURI != "/bucket/a%20b/%C3%BC%2B%26.zip?versionId=v%201" || asked.Header.Get("Via") != via || asked.Header.Get("X-Amz-Content-Sha256") != emptyHash {
		t.Errorf("%s %v", asked.RequestURI, asked.Header)
	}
	if scope := asked.Header.Get("Authorization"); !strings.Contains(scope, "/eu-west-1/s3/aws4_request") {
		t.Errorf("signed %s", scope)
	}
}

func TestWhatS3SaysNoToIsPassedOnInItsWords(t *testing.T) {
	said := func(code, message string) string {
		return "<?xml version='1.0' encoding='UTF-8'?><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>"
	}
	for _, c := range []struct {
		status  int
		body    string
		code    rouse.Code
		message string
	}{
		{404, said("NoSuchKey", "The specified key does not exist."), rouse.NotFound, "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."},
		{403, said("AccessDenied", "Access Denied"), rouse.Denied, "S3 Error Code: AccessDenied. S3 Error Message: Access Denied"},
		{404, "no XML", rouse.Unavailable, "answered 404 Not Found instead of an object"},
		{307, "", rouse.Unavailable, "answered 307 Temporary Redirect instead of an object"},
		{503, said("SlowDown", "Reduce your request rate"), rouse.Unavailable, "answered 503 Service Unavailable instead of an object"},
		{200, "more than ten bytes", rouse.TooLarge, "larger than 10 bytes"},
	} {
		o, _ := store(t, c.status, c.body)
		if got, err := o.Object(t.Context(), "bucket", "key", "", 10); rouse.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%d %s: %q, %v", c.status, c.body, got, err)
		}
	}
	gone := NewObjects(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}, "us-east-1", time.Minute, func(string) string { return "" })
	if _, err := gone.Object(t.Context(), "bucket", "key", "", 10); rouse.CodeOf(err) != rouse.Unavailable || !strings.Contains(err.Error(), "cannot be reached for bucket/key") {
		t.Errorf("%v", err)
	}
}
