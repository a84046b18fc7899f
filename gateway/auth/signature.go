package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

const (
	skew       = 5 * time.Minute
	maxExpires = 7 * 24 * time.Hour
	basicISO   = "20060102T150405Z"
)

// signature is what a request says about its own signature.
type signature struct {
	id, date, region, service string
	headers                   []string // those that are signed, in lower case
	value                     string
	at                        time.Time
	expires                   time.Duration // of a presigned request; 0 for others
	payload                   string        // the hash that the client declares; "" when it declares none
	session                   string        // a session's token
}

func incomplete(format string, args ...any) *Rejection {
	return &Rejection{"IncompleteSignatureException", fmt.Sprintf(format, args...)}
}

func wrong(format string, args ...any) *Rejection {
	return &Rejection{"InvalidSignatureException", fmt.Sprintf(format, args...)}
}

// readSignature takes a request's signature apart, wherever it stands.
func readSignature(r *http.Request) (*signature, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return readHeader(r, header)
	}
	return readQuery(r)
}

func readHeader(r *http.Request, header string) (*signature, error) {
	name, rest, _ := strings.Cut(header, " ")
	if name != algorithm {
		return nil, incomplete("Unsupported signature algorithm; sign with %s", algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[key] = value
	}
	var missing []string
	for _, key := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[key] == "" {
			missing = append(missing, "Authorization header requires '"+key+"' parameter.")
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		date = r.Header.Get("Date")
	}
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return nil, incomplete("%s", strings.Join(missing, " "))
	}
	s := &signature{
		headers: strings.Split(fields["SignedHeaders"], ";"), value: fields["Signature"],
		payload: r.Header.Get("X-Amz-Content-Sha256"), session: r.Header.Get("X-Amz-Security-Token"),
	}
	var err error
	if s.at, err = time.Parse(basicISO, date); err != nil {
		if s.at, err = http.ParseTime(date); err != nil {
			return nil, incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
		}
	}
	return s, s.scope(fields["Credential"])
}

func readQuery(r *http.Request) (*signature, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, incomplete("The query string cannot be read")
	}
	if query.Get("X-Amz-Algorithm") != algorithm {
		return nil, incomplete("Unsupported signature algorithm; sign with %s", algorithm)
	}
	for _, key := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"} {
		if query.Get(key) == "" {
			return nil, incomplete("AWS query-string parameters must include '%s'.", key)
		}
	}
	s := &signature{
		headers: strings.Split(query.Get("X-Amz-SignedHeaders"), ";"), value: query.Get("X-Amz-Signature"),
		payload: r.Header.Get("X-Amz-Content-Sha256"), session: query.Get("X-Amz-Security-Token"),
	}
	if s.payload == "" {
		s.payload = query.Get("X-Amz-Content-Sha256")
	}
	if s.at, err = time.Parse(basicISO, query.Get("X-Amz-Date")); err != nil {
		return nil, incomplete("X-Amz-Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(maxExpires/time.Second) {
		return nil, incomplete("X-Amz-Expires must be a number from 1 to %d", maxExpires/time.Second)
	}
	s.expires = time.Duration(seconds) * time.Second
	return s, s.scope(query.Get("X-Amz-Credential"))
}

// scope reads ID/DATE/REGION/SERVICE/aws4_request. An id has no slash in it.
func (s *signature) scope(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" || slices.Contains(parts, "") {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request")
	}
	s.id, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	if day := s.at.UTC().Format("20060102"); s.date != day {
		return wrong("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			rouse.Clip(s.date), day, s.at.UTC().Format(basicISO))
	}
	if !slices.Contains(s.headers, "host") {
		return wrong("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// current says whether a signature may be used at a time.
func (s *signature) current(now time.Time) error {
	now = now.UTC()
	at, until := s.at.UTC(), s.at.UTC().Add(skew)
	if s.expires > 0 {
		until = at.Add(s.expires)
	}
	switch {
	case now.After(until):
		earliest := now.Add(-skew)
		return wrong("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			until.Add(-skew).Format(basicISO), earliest.Format(basicISO), now.Format(basicISO))
	case at.After(now.Add(skew)):
		return wrong("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			at.Format(basicISO), now.Add(skew).Format(basicISO), now.Format(basicISO))
	}
	return nil
}
