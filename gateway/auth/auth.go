package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// Keys finds the secret of a key. It does not block.
type Keys interface {
	Secret(id string) (secret string, ok bool)
}

// Authenticator tells callers apart by their keys. Its methods may be called at
// once from many goroutines.
type Authenticator struct {
	Keys Keys
	Now  func() time.Time
}

// Rejection is why a request is not believed, in AWS's words. The names are
// those of AWS's JSON protocols.
type Rejection struct {
	Name    string
	Message string
}

func (r *Rejection) Error() string { return r.Name + ": " + r.Message }

// Reason is the name, for whoever does not know this type.
func (r *Rejection) Reason() string { return r.Name }

func unrecognized() *Rejection {
	return &Rejection{"UnrecognizedClientException", "The security token included in the request is invalid."}
}

func absent() *Rejection {
	return &Rejection{"MissingAuthenticationTokenException", "Missing Authentication Token"}
}

// KeyHeader carries a key to functions that use Authorization themselves.
const KeyHeader = "X-Rouse-Key"

// Caller is the id of the key with which a request was made, in whichever way.
// It blocks while a signed body comes, and replaces r.Body where it read it;
// w is where the body's deadline is set. Errors are a *Rejection.
func (a *Authenticator) Caller(w http.ResponseWriter, r *http.Request) (id string, err error) {
	if Signed(r) {
		return a.Signature(w, r)
	}
	return a.Token(r)
}

// Token is Caller for the key itself, which is taken out of the request, so that
// whoever gets the request next does not learn it. It does not block.
func (a *Authenticator) Token(r *http.Request) (id string, err error) {
	id, secret, ok := token(r.Header)
	if !ok {
		return "", absent()
	}
	want, known := a.Keys.Secret(id)
	// Hashes have one length, so that the comparison says nothing of it.
	given, wanted := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(given[:], wanted[:]) != 1 || !known {
		return "", unrecognized()
	}
	return id, nil
}

// token takes a key out of the headers.
func token(h http.Header) (id, secret string, ok bool) {
	text := h.Get(KeyHeader)
	if text != "" {
		h.Del(KeyHeader)
		return strings.Cut(text, ":")
	}
	scheme, text, _ := strings.Cut(h.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	switch strings.ToLower(scheme) {
	case "bearer":
	case "basic":
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", "", false
		}
		text = string(b)
	default:
		return "", "", false
	}
	if id, secret, ok = strings.Cut(text, ":"); ok {
		h.Del("Authorization")
	}
	return id, secret, ok
}
