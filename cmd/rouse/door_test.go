package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// knock sends a request and returns status and body. header holds pairs.
func (s *server) knock(method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func (s *server) firstKey() string {
	s.t.Helper()
	file := filepath.Join(s.data, "first-key")
	b, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		s.t.Errorf("%v, %v", info.Mode(), err)
	}
	return strings.TrimSpace(string(b))
}

func TestWithKeysEveryDoorButTheProbesIsLocked(t *testing.T) {
	s := serve(t, "--auth", "keys")
	first := s.firstKey()
	with := func(token string, args ...string) result {
		return command(t, map[string]string{"ROUSE_SERVER": s.url, "ROUSE_TOKEN": token}, args...)
	}
	if r := s.rouse("ls"); r.code != exitFailed || !strings.Contains(r.stderr, "a key is needed") || !strings.Contains(r.stderr, "ROUSE_TOKEN") {
		t.Errorf("without a key: %+v", r)
	}
	if r := with(first, "deploy", "hello", "--code", filepath.Join(built, "function.zip"), "--runtime", "provided", "--memory", "64MB"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	var key rouse.Key
	made := with(first, "keys", "create", "--name", "ci", "--json")
	if err := json.Unmarshal([]byte(made.stdout), &key); err != nil || key.Secret == "" {
		t.Fatalf("%+v: %v", made, err)
	}
	token := key.ID + ":" + key.Secret

	for _, door := range []struct {
		method, path string
		open, shut   int
	}{
		{"GET", "/healthz", 200, 200},
		{"GET", "/readyz", 200, 200},
		{"GET", "/", 200, 401},
		{"GET", "/metrics", 200, 401},
		{"GET", "/api/v1/functions", 200, 401},
		{"GET", "/api/v1/openapi.json", 200, 401},
		{"GET", "/jobs/none", 404, 401},
		{"POST", "/fn/hello/", 200, 401},
		{"POST", "/fn/nobody/", 404, 401},
		{"GET", "/2015-03-31/functions/", 200, 403},
		{"POST", "/2015-03-31/functions/hello/invocations", 200, 403},
		{"GET", "/2015-03-31/packages/none", 404, 404}, // whoever knows a digest
	} {
		if status, body := s.knock(door.method, door.path, ""); status != door.shut {
			t.Errorf("%s %s without a key: %d %s", door.method, door.path, status, body)
		}
		for _, wrong := range []string{"Bearer " + key.ID + ":", "Bearer " + key.ID + ":x", "Bearer " + strings.ToLower(token), "Bearer x"} {
			if status, body := s.knock(door.method, door.path, "", "Authorization", wrong); status != door.shut {
				t.Errorf("%s %s with %q: %d %s", door.method, door.path, wrong, status, body)
			}
		}
		if status, body := s.knock(door.method, door.path, "", "Authorization", "Bearer "+token); status != door.open {
			t.Errorf("%s %s with a key: %d %s", door.method, door.path, status, body)
		}
	}
	if _, body := s.knock("GET", "/api/v1/functions", ""); strings.Contains(body, `"request_id":""`) {
		t.Errorf("a refusal without an id: %s", body)
	}
	if status, body := s.knock("POST", "/", "", "Host", "hello.localhost"); status != 401 {
		t.Errorf("by host: %d %s", status, body)
	}
	if status, body := s.knock("POST", "/fn/hello/", "", "X-Rouse-Key", token, "Authorization", "its own"); status != 200 || strings.Contains(body, key.Secret) {
		t.Errorf("with its own Authorization: %d %s", status, body)
	}

	if list := with(token, "keys", "ls"); !strings.Contains(list.stdout, key.ID) || !strings.Contains(list.stdout, "ci") || strings.Contains(list.stdout, key.Secret) {
		t.Errorf("%+v", list)
	}
	if r := with(first, "keys", "rm", key.ID); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := with(token, "ls"); r.code != exitFailed {
		t.Errorf("a removed key opens: %+v", r)
	}
	if strings.Contains(s.stderr.String(), strings.SplitN(first, ":", 2)[1]) || strings.Contains(s.stderr.String(), key.Secret) {
		t.Error("a secret is in the log")
	}
	s.end()
	again := serveIn(t, s.data, "--auth", "keys", "--public")
	if again.firstKey() != first {
		t.Error("a second first key was made")
	}
	if status, body := again.knock("POST", "/fn/hello/", "{}"); status != 200 {
		t.Errorf("a public function: %d %s", status, body)
	}
	if status, _ := again.knock("GET", "/api/v1/functions", ""); status != 401 {
		t.Errorf("the API with public functions: %d", status)
	}
}

func TestWhoMayComeInIsChecked(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--listen 0.0.0.0:0", "--auth keys"},
		{"--public", "--auth keys"},
		{"--auth maybe", "none or keys"},
		{"--aws-fallback moto:5000", "http://127.0.0.1:5000"},
		{"--aws-fallback http://moto/path", "http://127.0.0.1:5000"},
		{"--aws-fallback-timeout 0s", "more than 0"},
	} {
		r := command(t, nil, append([]string{"config"}, strings.Fields(c.args)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%s: %+v", c.args, r)
		}
	}
	if r := command(t, nil, "config", "--listen", "0.0.0.0:0", "--auth", "keys"); r.code != exitDone {
		t.Errorf("with keys: %+v", r)
	}
}
