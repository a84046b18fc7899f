package page_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/page"
)

// platform is what the page shows.
type platform struct {
	functions []rouse.Function
	instances []rouse.Instance
}

var (
	_ page.Catalog = (*platform)(nil)
	_ page.Pool    = (*platform)(nil)
)

func (p *platform) Functions() []rouse.Function { return p.functions }

func (p *platform) Revision(id rouse.RevisionID) (*rouse.Revision, error) {
	spec := rouse.DefaultSpec()
	switch id {
	case "deleted":
		return nil, rouse.Errorf(rouse.NotFound, "revision %s: not found", id)
	case "image":
		spec.Contract, spec.Artifact.Image = rouse.ContractHTTP, "<b>img</b>"
	default:
		spec.Runtime = "python3.11"
	}
	return &rouse.Revision{ID: id, Spec: spec}, nil
}

func (p *platform) Instances() []rouse.Instance    { return p.instances }
func (p *platform) Waiting(rouse.FunctionName) int { return 7 }

var quiet = slog.New(slog.DiscardHandler)

func ask(h http.Handler, method, host, path string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	r.Host = host
	h.ServeHTTP(w, r)
	return w
}

// show is the page as a browser at host gets it.
func show(t *testing.T, p *platform, host string) string {
	t.Helper()
	w := ask(page.New(page.Config{Catalog: p, Pool: p, Version: "1.2.3", Driver: "docker", Log: quiet}), "GET", host, "/")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	wellFormed(t, w.Body.String())
	policy := w.Header().Get("Content-Security-Policy")
	for _, element := range []string{"style", "script"} {
		_, rest, _ := strings.Cut(w.Body.String(), "<"+element+">")
		content, _, _ := strings.Cut(rest, "</"+element+">")
		sum := sha256.Sum256([]byte(content))
		if content == "" || !strings.Contains(policy, element+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("the policy does not allow the page's own %s: %s", element, policy)
		}
	}
	return w.Body.String()
}

// wellFormed checks that elements nest and ids are used once.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	text = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`).ReplaceAllString(text, "")
	var open []string
	for _, tag := range regexp.MustCompile(`<(/?)([a-z][a-z0-9]*)[^>]*>`).FindAllStringSubmatch(text, -1) {
		switch {
		case tag[2] == "meta" || tag[2] == "link":
		case tag[1] == "":
			open = append(open, tag[2])
		case len(open) == 0 || open[len(open)-1] != tag[2]:
			t.Fatalf("%s closes %v", tag[0], open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%v are left open", open)
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if seen[id[1]] {
			t.Errorf("id %s is used twice", id[1])
		}
		seen[id[1]] = true
	}
	for _, by := range regexp.MustCompile(`aria-labelledby="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if !seen[by[1]] {
			t.Errorf("nothing has the id %s", by[1])
		}
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing", part)
		}
	}
}

func TestAnEmptyPlatformShowsHowToBegin(t *testing.T) {
	text := show(t, &platform{}, "localhost:8080")
	contains(t, text, "No functions yet", "rouse deploy hello --code . --runtime python3.11 --handler app.handler\nrouse invoke hello</pre>", "1.2.3, driver docker")
	if strings.Contains(text, "<table") {
		t.Error("an empty table")
	}
	contains(t, show(t, &platform{}, "box:9000"), "rouse invoke hello --server http://box:9000</pre>")
}

func TestFunctionsAndInstancesAreShown(t *testing.T) {
	now := time.Now()
	p := &platform{
		functions: []rouse.Function{{Name: "aaa", Latest: "r"}, {Name: "web", Latest: "image"}, {Name: "Shout", Latest: "r"}, {Name: "gone", Latest: "deleted"}},
		instances: []rouse.Instance{
			{ID: "i-1", Function: "web", State: rouse.Starting, Created: now},
			{ID: "i-2", Function: "web", State: rouse.Ready, InFlight: 2, Served: 41, Created: now.Add(-90 * time.Second)},
			{ID: "i-3", Function: "web", State: rouse.Ready, Created: now.Add(-time.Hour), IdleSince: now.Add(-5 * time.Second)},
		},
	}
	text := show(t, p, "127.0.0.1:9000")
	contains(t, text,
		`<th scope="row">web</th><td class="ready">ready</td><td>&lt;b&gt;img&lt;/b&gt;</td><td>http</td>`,
		`<th scope="row">aaa</th><td class="asleep">asleep</td><td>python3.11</td><td>lambda</td>`,
		`href="/fn/web/"`, `href="http://web.localhost:9000/"`, `href="/api/v1/functions/web/logs?tail=200"`,
		`<code>i-2</code></th><td>web</td><td class="ready">ready</td><td class="number">2</td><td class="number">41</td><td class="number">–</td><td class="number">1m30s</td>`,
		`<td class="number">5s</td><td class="number">1h</td>`)
	if strings.Index(text, ">web<") > strings.Index(text, ">aaa<") {
		t.Error("what runs does not come first")
	}
	if strings.Contains(text, "Shout.localhost") {
		t.Error("a host that browsers cannot send")
	}
	if strings.Contains(show(t, p, "box:9000"), "web.localhost") {
		t.Error("a host that leads other machines to themselves")
	}
}

func TestSleepingFunctionsAreSaidToSleep(t *testing.T) {
	contains(t, show(t, &platform{functions: []rouse.Function{{Name: "a", Latest: "r"}}}, "localhost"), "every function is asleep")
}

func TestManyFunctionsAreNotAllShown(t *testing.T) {
	p := &platform{}
	for i := range 10_000 {
		p.functions = append(p.functions, rouse.Function{Name: rouse.FunctionName(fmt.Sprint("f", i)), Latest: "r"})
	}
	text := show(t, p, "localhost")
	contains(t, text, "(10000)", "And 9800 more")
	if len(text) > 200_000 {
		t.Errorf("the page has %d bytes", len(text))
	}
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	h := page.New(page.Config{Catalog: &platform{}, Pool: &platform{}, Log: quiet})
	if w := ask(h, "GET", "localhost", "/favicon.ico"); w.Code != 404 || !strings.Contains(w.Body.String(), `"code":"not_found"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "localhost", "/"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestProbes(t *testing.T) {
	if w := ask(http.HandlerFunc(page.Healthz), "GET", "x", "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	for _, tt := range []struct {
		err    error
		status int
		want   string
	}{
		{nil, 200, "ok\n"},
		{rouse.Errorf(rouse.Unavailable, "draining"), 503, "draining"},
		{errors.New("secret"), 503, "not able to serve"},
	} {
		h := page.Readyz(func(context.Context) error { return tt.err }, quiet)
		w := ask(h, "GET", "x", "/readyz")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v: got %d %s", tt.err, w.Code, w.Body)
		}
	}
}
