package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const (
	unsignedPayload  = "UNSIGNED-PAYLOAD"
	streamingPayload = "STREAMING-" // the rest says how each chunk is signed
	// maxSigned is the largest body that is read for its hash: AWS Lambda's bound
	// on an upload.
	maxSigned = 70167211
	// slowBody is how long a client may take to send one.
	slowBody = 5 * time.Minute
)

// Signature is Caller for a signed request. What is cheap is checked first, so
// that nobody without a key has a body read.
func (a *Authenticator) Signature(w http.ResponseWriter, r *http.Request) (id string, err error) {
	if !Signed(r) {
		return "", absent()
	}
	s, err := readSignature(r)
	if err != nil {
		return "", err
	}
	if len(r.Header["X-Amz-Target"]) > 0 && !slices.Contains(s.headers, "x-amz-target") {
		// It says what is done, so without it a signature would do for anything.
		return "", wrong("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")
	}
	secret, ok := a.Keys.Secret(s.id)
	if !ok || s.session != "" { // Rouse's keys have no sessions
		return "", unrecognized()
	}
	if err := s.current(a.Now()); err != nil {
		return "", err
	}
	payloads, err := s.payloads(w, r)
	if err != nil {
		return "", err
	}
	for _, path := range canonicalPaths(r, s.service) {
		for _, payload := range payloads {
			if hmac.Equal([]byte(s.sign(r, secret, path, payload)), []byte(s.value)) {
				return s.id, nil
			}
		}
	}
	return "", wrong("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// payloads is how the body may be written in what is signed. A body whose hash
// is declared for S3 is checked while whoever is next reads it.
func (s *signature) payloads(w http.ResponseWriter, r *http.Request) ([]string, error) {
	switch {
	case s.payload == unsignedPayload:
		return []string{s.payload}, nil
	case strings.HasPrefix(s.payload, streamingPayload):
		if s.service != "s3" {
			return nil, wrong("A body that is signed in chunks is only for S3.")
		}
		return []string{s.payload}, nil
	case s.payload != "" && len(s.payload) != hex.EncodedLen(sha256.Size):
		return nil, wrong("The provided 'x-amz-content-sha256' header must be a valid SHA256.")
	case s.payload != "" && s.service == "s3":
		r.Body = &checked{body: r.Body, sum: sha256.New(), want: strings.ToLower(s.payload)}
		return []string{s.payload}, nil
	case s.payload == "" && s.service == "s3" && s.expires > 0:
		return []string{unsignedPayload}, nil
	}
	actual, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if s.payload != "" && !strings.EqualFold(s.payload, actual) {
		return nil, wrong("The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if s.payload == "" && s.expires > 0 { // presigned before the body was known
		return []string{actual, unsignedPayload}, nil
	}
	return []string{actual}, nil
}

// readBody replaces r.Body by what was read of it, and returns its hash.
func readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := gateway.ReadBody(&gateway.Call{Writer: w, Request: r, Began: time.Now()}, maxSigned, slowBody)
	switch {
	case rouse.CodeOf(err) == rouse.TooLarge:
		return "", &Rejection{"RequestEntityTooLargeException", "Request must be smaller than 70167211 bytes"}
	case err != nil:
		return "", wrong("The body was not received whole.")
	}
	if r.Body != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// checked is a body that must turn out to have a hash.
type checked struct {
	body io.ReadCloser
	sum  hash.Hash
	want string
}

var errContent = errors.New("the body is not what was signed")

func (c *checked) Read(b []byte) (int, error) {
	n, err := c.body.Read(b)
	c.sum.Write(b[:n])
	if err == io.EOF && hex.EncodeToString(c.sum.Sum(nil)) != c.want {
		err = errContent
	}
	return n, err
}

func (c *checked) Close() error { return c.body.Close() }
