package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// sign is the signature that whoever has the secret makes of r, when its path is
// written as path and its body as payload (AWS, "Create a signed AWS API request").
func (s *signature) sign(r *http.Request, secret, path, payload string) string {
	canonical := strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL.RawQuery), canonicalHeaders(r, s.headers), strings.Join(s.headers, ";"), payload,
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{
		algorithm, s.at.UTC().Format(basicISO), strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/"), hex.EncodeToString(sum[:]),
	}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = keyed(key, part)
	}
	return hex.EncodeToString(keyed(key, text))
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalPaths are the ways in which clients write the path that they sign.
// S3's is as it was sent, or with the escapes that AWS would use. All others' is encoded again as it was sent; most SDKs
// take out dots and doubled slashes before that, and Go's does not.
func canonicalPaths(r *http.Request, service string) []string {
	raw := r.URL.EscapedPath()
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		raw = path
	}
	if raw == "" {
		raw = "/"
	}
	if service == "s3" {
		if plain, err := url.PathUnescape(raw); err == nil && escape(plain, true) != raw {
			return []string{escape(plain, true), raw}
		}
		return []string{raw}
	}
	paths := []string{escape(raw, true)}
	if normal := escape(normalize(raw), true); normal != paths[0] {
		paths = append(paths, normal)
	}
	return paths
}

// normalize takes out dots and doubled slashes.
func normalize(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	normal := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") && len(kept) > 0 {
		normal += "/"
	}
	return normal
}

// canonicalQuery is the query in order, without the signature itself.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" || name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{again(name), again(value)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// again escapes part of a query as AWS does, however it was escaped.
func again(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	return escape(text, false)
}

// canonicalHeaders ends with a newline, as the format wants.
func canonicalHeaders(r *http.Request, names []string) string {
	var b strings.Builder
	for _, name := range names {
		values := r.Header.Values(name)
		switch {
		case name == "host":
			values = []string{r.Host}
		case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		b.WriteString(name + ":")
		for i, value := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '\t' }), " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// escape is RFC 3986's, with capital digits; net/url has others.
func escape(s string, path bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || path && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
