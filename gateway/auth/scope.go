package auth

import (
	"net/http"
	"net/url"
	"strings"
)

const algorithm = "AWS4-HMAC-SHA256"

// Signed says whether a request carries a signature, believable or not.
func Signed(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") || presigned(r)
}

func presigned(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") && strings.Contains(r.URL.RawQuery, "X-Amz-Signature=")
}

// Service is what a request's signature says that it is for: "lambda", "s3".
// It is "" for one without, and costs little.
func Service(r *http.Request) string { return serviceOf(credential(r)) }

// KeyID is the id of the key that a request says it was signed with, which says
// nothing of whether it was. It is "" for one without a signature.
func KeyID(r *http.Request) string {
	id, _, _ := strings.Cut(credential(r), "/")
	return id
}

// credential is a signature's: a key's id and the scope.
func credential(r *http.Request) string {
	header := r.Header.Get("Authorization")
	if strings.HasPrefix(header, "AWS4-") {
		_, credential, _ := strings.Cut(header, "Credential=")
		if end := strings.IndexAny(credential, ", "); end >= 0 {
			credential = credential[:end]
		}
		return credential
	}
	if !presigned(r) {
		return ""
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return ""
	}
	return values.Get("X-Amz-Credential")
}

// serviceOf is the part before the last of ID/DATE/REGION/SERVICE/aws4_request, and
// of Version 4A's scopes, which have no region.
func serviceOf(credential string) string {
	rest, ok := strings.CutSuffix(credential, "/aws4_request")
	if !ok {
		return ""
	}
	return rest[strings.LastIndexByte(rest, '/')+1:]
}
