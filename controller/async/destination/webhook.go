package destination

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// patience is how long a receiver may take for one delivery.
	patience = 15 * time.Second
	maxURL   = 2048
	// maxAnswer is how much of a receiver's answer is read, so that its connection
	// can be used again.
	maxAnswer = 4 << 10
	mostIdle  = 4 // connections per host
)

// WebhookOptions are what webhooks are sent with.
type WebhookOptions struct {
	// Key is the secret that functions' own are derived from; 32 bytes.
	Key []byte
	// Allow are networks that may be reached although they are private.
	Allow []netip.Prefix
	// Resolver finds hosts; nil is the system's.
	Resolver *net.Resolver
	Now      func() time.Time // for the timestamps
}

// Webhooks sends signed requests, by the scheme of Standard Webhooks
// (standardwebhooks.com, version 1). It connects to no private address: what is
// checked is the address that is connected to, so that no name can be pointed
// elsewhere in between, and a redirection is not followed.
type Webhooks struct {
	o      WebhookOptions
	client *http.Client
}

// NewWebhooks makes a sender; Close drops its connections.
func NewWebhooks(o WebhookOptions) *Webhooks {
	w := &Webhooks{o: o}
	dialer := &net.Dialer{Timeout: patience, Resolver: o.Resolver, Control: w.control}
	w.client = &http.Client{
		Timeout: patience,
		Transport: &http.Transport{ // without a proxy, which would connect where nobody looks
			DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: mostIdle, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

// Close drops idle connections.
func (w *Webhooks) Close() { w.client.CloseIdleConnections() }

// errRefused marks a connection that was not made for its address.
var errRefused = errors.New("refused")

// control sees the very address that is about to be connected to.
func (w *Webhooks) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err == nil {
		err = check(at.Addr(), w.o.Allow)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}

// Check says what is wrong with a webhook's URL, as far as that can be known
// without asking for its host's address. It does not block.
func (w *Webhooks) Check(text string) error {
	wrong := func(format string, args ...any) error {
		return rouse.Errorf(rouse.Invalid, "webhook %q: "+format, append([]any{rouse.ClipTo(text, 120)}, args...)...)
	}
	u, err := url.Parse(text)
	var parsing *url.Error
	switch {
	case len(text) > maxURL:
		return wrong("must be at most %d characters", maxURL)
	case errors.As(err, &parsing):
		return wrong("%v", parsing.Err)
	case err != nil:
		return wrong("%v", err)
	case u.Scheme != "https" && u.Scheme != "http":
		return wrong("must begin with https:// or http://")
	case u.User != nil:
		return rouse.Errorf(rouse.Invalid, "webhook: must not have a user or a password, since whoever may see the job sees it; the signature says who sends")
	case u.Hostname() == "":
		return wrong("has no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return wrong("port %s must be 1 to 65535", port)
		}
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	ip, err := netip.ParseAddr(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		ip, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	if err != nil {
		return nil // a name; what it means is checked when it is called
	}
	if err := check(ip, w.o.Allow); err != nil {
		return wrong("%v", err)
	}
	return nil
}

const secretPrefix = "whsec_"

// Secret is what a function's webhooks are signed with, in the form in which
// libraries of Standard Webhooks want it. It never changes.
func (w *Webhooks) Secret(fn rouse.FunctionName) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(w.secret(fn))
}

func (w *Webhooks) secret(fn rouse.FunctionName) []byte {
	h := hmac.New(sha256.New, w.o.Key)
	h.Write([]byte("webhooks of " + string(fn)))
	return h.Sum(nil)
}

// sign is the signature of a message, over its id, its time and its body.
func sign(secret []byte, id string, at int64, body []byte) string {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "%s.%d.", id, at)
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Send posts body once and blocks until the receiver has answered with a status
// of 200 to 299. An Invalid error says that it never will: the address is not
// allowed, or the receiver is gone for good (410).
func (w *Webhooks) Send(ctx context.Context, fn rouse.FunctionName, id, to string, body []byte) error {
	if err := w.Check(to); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return rouse.Errorf(rouse.Invalid, "webhook: not a URL that can be called")
	}
	at := w.o.Now().Unix()
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Rouse-Webhook/1"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at, 10)}, "Webhook-Signature": {sign(w.secret(fn), id, at, body)},
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return unreachable(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) //nolint:errcheck // only the status matters
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusGone:
		return rouse.Errorf(rouse.Invalid, "the webhook answered 410 Gone")
	case code >= 300 && code < 400:
		return rouse.Errorf(rouse.Unavailable, "the webhook answered %d; redirections are not followed", code)
	}
	e := rouse.Errorf(rouse.Unavailable, "the webhook answered %d", resp.StatusCode)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return e
}

// unreachable is what may be told of a delivery without an answer.
func unreachable(err error) error {
	var dns *net.DNSError
	var slow interface{ Timeout() bool }
	e := &rouse.Error{Code: rouse.Unavailable, Message: "the webhook could not be reached", Cause: err}
	switch {
	case errors.Is(err, errRefused):
		e.Code, e.Message = rouse.Invalid, "the webhook's host is at an address that is not allowed; rouse serve --webhook-allow permits networks"
	case errors.As(err, &dns):
		e.Message = "the webhook's host " + dns.Name + " cannot be found"
	case errors.As(err, &slow) && slow.Timeout():
		e.Code, e.Message = rouse.Timeout, "the webhook did not answer within "+patience.String()
	}
	return e
}
