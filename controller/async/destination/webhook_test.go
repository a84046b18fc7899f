package destination

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVar); dir != "" {
		runVictim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func sender(t *testing.T, o WebhookOptions) *Webhooks {
	t.Helper()
	o.Key, o.Now = bytes.Repeat([]byte{7}, 32), func() time.Time { return time.Unix(1_700_000_000, 0) }
	w := NewWebhooks(o)
	t.Cleanup(w.Close)
	return w
}

func TestAPrivateAddressIsRefusedUnlessItIsAllowed(t *testing.T) {
	w := sender(t, WebhookOptions{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	for host, allowed := range map[string]bool{
		"93.184.216.34": true, "[2606:2800:220:1::1]": true, "10.1.2.3": true, "example.com": true, "[::ffff:93.184.216.34]": true,
		"127.0.0.1": false, "127.8.9.1": false, "localhost": false, "LOCALHOST.": false, "a.localhost": false, "0.0.0.0": false,
		"10.2.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "100.64.0.1": false,
		"169.254.169.254": false, "[fd00:ec2::254]": false, "[fe80::1]": false, "[fe80::1%25eth0]": false, "[::1]": false, "[::]": false,
		"[::ffff:127.0.0.1]": false, "[::ffff:169.254.169.254]": false, "[::127.0.0.1]": false, "[64:ff9b::7f00:1]": false,
		"[64:ff9b::5db8:d822]": true, "[2002:7f00:1::1]": false, "[2002:0a01:0203::1]": true, "[ff02::1]": false, "224.0.0.1": false,
		"255.255.255.255": false, "[2001::1]": false, "198.18.0.1": false,
	} {
		err := w.Check("https://" + host + "/x")
		if (err == nil) != allowed || err != nil && rouse.CodeOf(err) != rouse.Invalid {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAURLThatIsNoWebhookIsRefusedWithThePlaceOfTheFault(t *testing.T) {
	w := sender(t, WebhookOptions{})
	for text, says := range map[string]string{
		"": "must begin with", "example.com/x": "must begin with", "ftp://example.com": "must begin with", "https://": "has no host",
		"https:///x": "has no host", "https://user:pw@example.com": "user or a password", "https://example.com:0": "port 0",
		"https://example.com:99999": "port 99999", "https://exa mple.com": "invalid character", "http://[::1": "missing ']'",
		"https://example.com/" + strings.Repeat("x", maxURL): "at most 2048", "https://example.com/%zz": "invalid URL escape",
	} {
		if err := w.Check(text); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%.40q: %v, want %q", text, err, says)
		}
	}
}

// receiver is a webhook's other end.
type receiver struct {
	*httptest.Server
	calls  atomic.Int32
	header http.Header
	body   []byte
}

func receive(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.calls.Add(1)
		r.header = req.Header
		r.body, _ = io.ReadAll(req.Body)
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func status(code int, headers ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

func TestADeliveryIsSignedAsStandardWebhooksWantIt(t *testing.T) {
	r := receive(t, status(204))
	w := sender(t, WebhookOptions{Allow: loopback})
	body := []byte(`{"type":"job.succeeded"}`)
	if err := w.Send(t.Context(), "f", "msg_1", r.URL, body); err != nil {
		t.Fatal(err)
	}
	// As a receiver computes it, from the secret that it was shown.
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.Secret("f"), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%s.%s", r.header.Get("webhook-id"), r.header.Get("webhook-timestamp"), r.body)
	want := "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	if got := r.header.Get("webhook-signature"); got != want || !bytes.Equal(r.body, body) || r.header.Get("webhook-id") != "msg_1" || r.header.Get("webhook-timestamp") != "1700000000" {
		t.Errorf("signature %q, want %q; %v", got, want, r.header)
	}
	if w.Secret("g") == w.Secret("f") {
		t.Error("two functions share a secret")
	}
}

func TestWhatAReceiverAnswersSaysWhetherItIsToldAgain(t *testing.T) {
	target := receive(t, status(200))
	for _, c := range []struct {
		answer func(http.ResponseWriter, *http.Request)
		code   rouse.Code // "" is success
		after  time.Duration
	}{
		{status(200), "", 0}, {status(299), "", 0}, {status(404), rouse.Unavailable, 0}, {status(500), rouse.Unavailable, 0},
		{status(410), rouse.Invalid, 0}, {status(503, "Retry-After", "30"), rouse.Unavailable, 30 * time.Second},
		{status(302, "Location", target.URL), rouse.Unavailable, 0}, {status(307, "Location", target.URL), rouse.Unavailable, 0},
	} {
		r := receive(t, c.answer)
		err := sender(t, WebhookOptions{Allow: loopback}).Send(t.Context(), "f", "m", r.URL, nil)
		var after time.Duration
		e, _ := err.(*rouse.Error)
		if e != nil {
			after = e.RetryAfter
		}
		if (err == nil) != (c.code == "") || err != nil && rouse.CodeOf(err) != c.code || after != c.after {
			t.Errorf("%v after %s, want %q after %s", err, after, c.code, c.after)
		}
	}
	if target.calls.Load() != 0 {
		t.Error("a redirection was followed")
	}
}

// liar is a DNS server that gives one answer after the other, and stays with the last.
func liar(t *testing.T, answers ...[4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var asked atomic.Int32
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			conn.WriteTo(reply(buf[:n], &asked, answers), from) //nolint:errcheck // the client asks again
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// reply answers a question for an IPv4 address with the next of answers, and any
// other with nothing (RFC 1035, section 4).
func reply(question []byte, asked *atomic.Int32, answers [][4]byte) []byte {
	const head = 12
	end := head + bytes.IndexByte(question[head:], 0) + 5
	msg := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[head:end]...)
	if kind := question[end-3]; kind != 1 {
		return msg
	}
	msg[7] = 1
	i := min(int(asked.Add(1)), len(answers)) - 1
	return append(append(msg, 0xc0, head, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), answers[i][:]...)
}

func TestANameThatLeadsToAPrivateAddressIsNotConnectedTo(t *testing.T) {
	r := receive(t, status(200))
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	url := "http://innocent.test:" + port + "/"
	local := [4]byte{127, 0, 0, 1}
	w := sender(t, WebhookOptions{Resolver: liar(t, local)})
	if err := w.Check(url); err != nil {
		t.Errorf("what only a name says: %v", err)
	}
	if err := w.Send(t.Context(), "f", "m", url, nil); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("a name of a private address: %v", err)
	}
	// The same name with the network allowed is reached, so the way there works.
	if err := sender(t, WebhookOptions{Resolver: liar(t, local), Allow: loopback}).Send(t.Context(), "f", "m", url, nil); err != nil {
		t.Errorf("allowed: %v", err)
	}
	// A name that was harmless when it was looked at is so no more when it is called.
	w = sender(t, WebhookOptions{Resolver: liar(t, [4]byte{93, 184, 216, 34}, local)})
	if _, err := w.o.Resolver.LookupHost(t.Context(), "innocent.test"); err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), "f", "m", url, nil); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("a name that was pointed elsewhere: %v", err)
	}
	if n := r.calls.Load(); n != 1 {
		t.Errorf("%d calls, want the allowed one only", n)
	}
}
