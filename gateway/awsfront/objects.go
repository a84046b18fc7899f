package awsfront

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rousehq/rouse"
)

// emptyHash is the digest of no body at all, which S3 wants to be told.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// maxObjectError bounds what is read of a refusal.
const maxObjectError = 64 << 10

// Objects reads objects of the fallback's S3, for Rouse itself.
type Objects struct {
	base   *url.URL
	region string
	keys   aws.Credentials
	client *http.Client
}

// NewObjects makes a reader. Timeout bounds its wait until an answer begins. It
// signs with the credentials that getenv has, and with made-up ones without:
// emulators seldom check them. It does not block, and needs no closing.
func NewObjects(fallback *url.URL, region string, timeout time.Duration, getenv func(string) string) *Objects {
	keys := aws.Credentials{
		AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
	}
	if keys.AccessKeyID == "" {
		keys = aws.Credentials{AccessKeyID: "rouse", SecretAccessKey: "rouse"}
	}
	return &Objects{base: fallback, region: region, keys: keys, client: &http.Client{
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: timeout, DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // nobody but the fallback is asked
	}}
}

// Object blocks until an object is whole. Version "" is the newest. What S3 says
// no to is NotFound or Denied, its message `S3 Error Code: … S3 Error Message: …`;
// more than limit bytes are TooLarge, and no answer is Unavailable.
func (o *Objects) Object(ctx context.Context, bucket, key, version string, limit int64) ([]byte, error) {
	answer, err := o.ask(ctx, bucket, key, version)
	if err != nil {
		return nil, &rouse.Error{Code: rouse.Unavailable, Message: "the emulator that --aws-fallback names cannot be reached for " + bucket + "/" + rouse.Clip(key), Cause: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, refusedObject(answer)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, &rouse.Error{Code: rouse.Unavailable, Message: "the emulator that --aws-fallback names broke off " + bucket + "/" + rouse.Clip(key), Cause: err}
	case int64(len(body)) > limit:
		return nil, rouse.Errorf(rouse.TooLarge, "an object is larger than %d bytes", limit)
	}
	return body, nil
}

// ask sends a signed request. The bucket stands in the path, where every
// emulator understands it.
func (o *Objects) ask(ctx context.Context, bucket, key, version string) (*http.Response, error) {
	u := *o.base
	u.User, u.Path = nil, "/"+bucket+"/"+key
	// What S3 escapes, and so signs, is more than URLs need.
	u.RawPath = "/" + bucket + "/" + strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
	u.RawQuery = ""
	if version != "" {
		u.RawQuery = url.Values{"versionId": {version}}.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Content-Sha256", emptyHash)
	unescaped := func(s *v4.SignerOptions) { s.DisableURIPathEscaping = true }
	if err := v4.NewSigner().SignHTTP(ctx, o.keys, r, emptyHash, "s3", o.region, time.Now(), unescaped); err != nil {
		return nil, err
	}
	r.Header.Set("Via", via)
	return o.client.Do(r)
}

// refusedObject has the error of an answer in the words that Lambda passes on.
func refusedObject(answer *http.Response) error {
	var said struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxObjectError))
	if err = errors.Join(err, xml.Unmarshal(body, &said)); err != nil || said.Code == "" || answer.StatusCode >= http.StatusInternalServerError {
		return &rouse.Error{Code: rouse.Unavailable, Message: "the emulator that --aws-fallback names answered " + answer.Status + " instead of an object", Cause: err}
	}
	code := rouse.NotFound
	if answer.StatusCode == http.StatusForbidden {
		code = rouse.Denied
	}
	return rouse.Errorf(code, "S3 Error Code: %s. S3 Error Message: %s", rouse.Clip(said.Code), rouse.ClipTo(said.Message, 300))
}
