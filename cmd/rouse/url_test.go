package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// TestURLsAreMadeOnTheCommandLine follows a URL from its making to its end.
func TestURLsAreMadeOnTheCommandLine(t *testing.T) {
	s := &urlServer{server: serve(t)}
	s.must("deploy", "f", "--code", tree(t, map[string]string{"index.js": urlHandler}), "--runtime", "nodejs20.x", "--handler", "index.handler")
	s.must("publish", "f")
	s.must("alias", "f", "live", "1")
	status := func(at string, header ...string) int {
		t.Helper()
		h := map[string]string{}
		for i := 0; i+1 < len(header); i += 2 {
			h[header[i]] = header[i+1]
		}
		res, _ := s.ask("GET", at, "", h)
		return res.StatusCode
	}
	at := strings.TrimSpace(s.must("url", "create", "f"))
	if !strings.HasPrefix(at, s.url+"/lambda-url/") || status(at) != 201 {
		t.Errorf("made %s, which answers %d", at, status(at))
	}
	live := strings.TrimSpace(s.must("url", "create", "f:live", "--auth", "aws-iam", "--stream"))
	if live == at || status(live) != 403 {
		t.Errorf("the alias' is %s, which answers %d", live, status(live))
	}
	var list []listedURL
	if err := json.Unmarshal([]byte(s.must("url", "ls", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].URL != at || list[0].Auth != rouse.URLAuthNone || list[1].URL != live || list[1].Alias != "live" || list[1].Mode != rouse.URLStream {
		t.Errorf("listed %+v", list)
	}
	if text := s.must("url", "ls", "f"); !strings.Contains(text, "f:live") || !strings.Contains(text, "aws-iam") || !strings.Contains(text, "streamed") || !strings.Contains(text, at) {
		t.Errorf("%s", text)
	}
	s.deploy("g")
	if r := s.rouse("url", "ls", "g"); r.code != exitDone || r.stdout != "" {
		t.Errorf("of another: %+v", r)
	}

	same := strings.TrimSpace(s.must("url", "create", "f", "--replace", "--cors", "https://a.example", "--cors-methods", "PUT", "--cors-max-age", "1h"))
	res, _ := s.ask("OPTIONS", at, "", map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
	if h := res.Header; same != at || h.Get("Access-Control-Allow-Methods") != "PUT" || h.Get("Access-Control-Max-Age") != "3600" {
		t.Errorf("replaced by %s: %v", same, h)
	}
	s.must("url", "create", "f", "--replace", "--auth", "aws-iam")
	res, _ = s.ask("OPTIONS", at, "", map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
	if status(at) != 403 || res.Header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("with aws-iam %d, and CORS is %v", status(at), res.Header)
	}
	s.must("url", "rm", "f", "f:live")
	if text := s.must("url", "ls", "--json"); strings.TrimSpace(text) != "[]" || status(at) != 403 {
		t.Errorf("left %s, %d", text, status(at))
	}
	if res, text := s.ask("GET", s.url+"/2015-03-31/functions/f/policy", "", nil); res.StatusCode != 404 {
		t.Errorf("the policy is left: %s", text)
	}
}

func TestMistakesAboutURLsAreExplained(t *testing.T) {
	s := serve(t)
	s.deploy("f")
	s.must("url", "create", "f")
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"url create f", exitFailed, "f has a URL already; --replace changes it"},
		{"url create nobody", exitFailed, `function "nobody" does not exist`},
		{"url create f:none", exitFailed, "has no such alias"},
		{"url create f:1", exitFailed, "at 'qualifier' failed to satisfy constraint"},
		{"url create f --auth some", exitUsage, `--auth "some": must be none or aws-iam`},
		{"url create f --cors-methods GET", exitUsage, "--cors-methods: only with --cors"},
		{"url create f --replace --cors * --cors-methods FETCH", exitFailed, "must be one of GET"},
		{"url create f --replace --cors * --cors-max-age 48h", exitFailed, "less than or equal to 86400"},
		{"url create g:live --replace", exitFailed, "g:live has no URL that could be replaced"},
		{"url rm f:live", exitFailed, "f:live has no URL"},
		{"url rm", exitUsage, "it was given nothing"},
	} {
		if r := s.rouse(strings.Fields(c.line)...); r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("rouse %s: %d %s, want %d %s", c.line, r.code, r.stderr, c.code, c.says)
		}
	}
}
