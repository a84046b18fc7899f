package proxy

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// invoke runs a call as an event. The client may leave; the event goes on, as on AWS.
func (p *Proxy) invoke(c *gateway.Call) error {
	began := time.Now()
	lease := c.Lease
	trace := c.Request.Header.Get("X-Amzn-Trace-Id")
	if c.URL != nil && trace == "" { // functions find it among the headers, too
		trace = rouse.NewTrace(began, c.Revision.Spec.Traced)
		root, _, _ := strings.Cut(trace, ";")
		c.Request.Header["X-Amzn-Trace-Id"] = []string{root}
	}
	ev := &rouse.Event{ID: c.ID, Payload: p.Event(c, began), TraceID: trace}
	before := func(h http.Header) {
		gateway.SetTimings(h, lease, began)
		confine(h, c)
		if id := h["X-Request-Id"]; c.URL == nil && (len(id) != 1 || id[0] != c.ID) {
			h["X-Request-Id"] = []string{c.ID} // which is not the function's to say, but with AWS's URLs
		}
		if c.URL != nil {
			c.URL.Head(h)
		}
	}
	stream := streamed{call: c, before: before}
	if c.URL != nil {
		ev.ARN = c.URL.ARN
	}
	if c.URL == nil || c.URL.Stream {
		ev.Stream = stream.Open
	}
	c.Lease = nil // gateway.Invoke releases it, perhaps after this call has ended
	result, err := gateway.Invoke(c.Request.Context(), lease, ev)
	if err != nil {
		return err
	}
	if result.Failure != nil {
		return gateway.HandlerFailed(result.Failure)
	}
	if result.Streamed {
		return stream.Close()
	}
	reply, err := parseReply(result.Payload)
	if err != nil {
		return err
	}
	reply.write(&patient{to: c.Writer, within: p.within}, c.Request.Method, before)
	return nil
}

// Event is a call as the event of a lambda function.
func (p *Proxy) Event(c *gateway.Call, now time.Time) []byte {
	return appendEvent(make([]byte, 0, 1024+len(c.Body)*5/4), c, p.account, now)
}

// appendEvent appends the call as an event of API Gateway's payload format 2.0
// (AWS, "Working with AWS Lambda proxy integrations for HTTP APIs").
func appendEvent(b []byte, c *gateway.Call, account string, now time.Time) []byte {
	r := c.Request
	from := originOf(r)
	b = append(b, `{"version":"2.0","routeKey":"$default","rawPath":`...)
	b = appendJSON(b, c.Path)
	b = append(b, `,"rawQueryString":`...)
	b = appendJSON(b, r.URL.RawQuery)
	b = appendCookies(b, r.Header["Cookie"])
	b = appendHeaders(b, c, from)
	b = appendQuery(b, r.URL.RawQuery)
	b = appendContext(b, c, account, from, now)
	if len(c.Body) > 0 {
		b = append(b, `,"body":`...)
		if textual(r.Header) && utf8.Valid(c.Body) {
			b = appendJSON(b, c.Body)
		} else {
			b = append(b, '"')
			b = base64.StdEncoding.AppendEncode(b, c.Body)
			return append(b, `","isBase64Encoded":true}`...)
		}
	}
	return append(b, `,"isBase64Encoded":false}`...)
}

func appendCookies(b []byte, headers []string) []byte {
	open := false
	for _, header := range headers {
		for cookie := range strings.SplitSeq(header, ";") {
			if cookie = strings.TrimSpace(cookie); cookie == "" {
				continue
			}
			if open {
				b = append(b, ',')
			} else {
				b = append(b, `,"cookies":[`...)
				open = true
			}
			b = appendJSON(b, cookie)
		}
	}
	if open {
		b = append(b, ']')
	}
	return b
}

// appendHeaders appends the headers, names in lower case, repeated ones joined.
func appendHeaders(b []byte, c *gateway.Call, from origin) []byte {
	r := c.Request
	b = append(b, `,"headers":{"host":`...)
	b = appendJSON(b, r.Host)
	if len(c.Body) > 0 {
		b = append(b, `,"content-length":"`...)
		b = strconv.AppendInt(b, int64(len(c.Body)), 10)
		b = append(b, '"')
	}
	add := func(name, value string) {
		b = append(b, ',')
		b = appendLower(b, name)
		b = append(b, ':')
		b = appendJSON(b, value)
	}
	extra := named(r.Header)
	for name, values := range r.Header {
		switch name {
		case "Cookie", "Host", "Content-Length", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix":
			continue
		}
		if hopByHop(name) || slices.Contains(extra, name) {
			continue
		}
		if len(values) == 1 {
			add(name, values[0])
		} else {
			add(name, strings.Join(values, ","))
		}
	}
	add("x-forwarded-for", from.forwarded)
	add("x-forwarded-proto", from.proto)
	if c.URL != nil {
		add("x-forwarded-port", from.port())
	}
	add("x-forwarded-host", from.host)
	if c.Prefix != "" {
		add("x-forwarded-prefix", c.Prefix)
	}
	return append(b, '}')
}

// appendQuery appends the decoded parameters, repeated ones joined by commas.
// What cannot be decoded is left to rawQueryString.
func appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return b
	}
	values, _ := url.ParseQuery(raw) // what is well formed is in values all the same
	if len(values) == 0 {
		return b
	}
	b = append(b, `,"queryStringParameters":{`...)
	first := true
	for name, list := range values {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendJSON(b, name)
		b = append(b, ':')
		b = appendJSON(b, strings.Join(list, ","))
	}
	return append(b, '}')
}

func appendContext(b []byte, c *gateway.Call, account string, from origin, now time.Time) []byte {
	r := c.Request
	domain := r.Host
	if host, _, err := net.SplitHostPort(domain); err == nil {
		domain = host
	}
	label, _, _ := strings.Cut(domain, ".")
	api := string(c.Ref.Name)
	if c.URL != nil {
		account, api, label = "anonymous", c.URL.ID, c.URL.ID
		if c.URL.Caller != nil {
			account = c.URL.Caller.Account
		}
	}
	b = append(b, `,"requestContext":{"accountId":"`...)
	b = append(append(b, account...), `","apiId":`...)
	b = appendJSON(b, api)
	if c.URL != nil && c.URL.Caller != nil {
		b = appendCaller(b, c.URL.Caller)
	}
	b = append(b, `,"domainName":`...)
	b = appendJSON(b, domain)
	b = append(b, `,"domainPrefix":`...)
	b = appendJSON(b, label)
	b = append(b, `,"http":{"method":`...)
	b = appendJSON(b, r.Method)
	b = append(b, `,"path":`...)
	b = appendJSON(b, c.Path)
	b = append(b, `,"protocol":`...)
	b = appendJSON(b, r.Proto)
	b = append(b, `,"sourceIp":`...)
	b = appendJSON(b, from.ip)
	b = append(b, `,"userAgent":`...)
	b = appendJSON(b, r.Header.Get("User-Agent"))
	b = append(b, `},"requestId":`...)
	b = appendJSON(b, c.ID)
	b = append(b, `,"routeKey":"$default","stage":"$default","time":"`...)
	b = now.UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `","timeEpoch":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	return append(b, '}')
}

// appendCaller appends who signed a request, as function URLs tell it.
func appendCaller(b []byte, who *gateway.URLCaller) []byte {
	b = append(b, `,"authentication":null,"authorizer":{"iam":{"accessKey":`...)
	b = appendJSON(b, who.KeyID)
	b = append(b, `,"accountId":`...)
	b = appendJSON(b, who.Account)
	b = append(b, `,"callerId":`...)
	b = appendJSON(b, who.UserID)
	b = append(b, `,"cognitoIdentity":null,"principalOrgId":null,"userArn":`...)
	b = appendJSON(b, who.ARN)
	b = append(b, `,"userId":`...)
	b = appendJSON(b, who.UserID)
	return append(b, `}}`...)
}

// textual says whether a body may be put into the event as it is. As on AWS
// that goes by its type: text, JSON, XML and JavaScript. A body without a type
// may be, too; a compressed one may not.
func textual(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	given := h.Get("Content-Type")
	if given == "" || given == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(given)
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(given), ";")
	}
	switch kind {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}
