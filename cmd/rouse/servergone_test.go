package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hangsUp is a server that has the answers given and ends every other connection.
func hangsUp(t *testing.T, answers map[string]string) map[string]string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return map[string]string{"ROUSE_SERVER": s.URL}
}

func TestAJobOutlivesWhoeverWaitsForIt(t *testing.T) {
	env := hangsUp(t, map[string]string{"POST /api/v1/functions/f/jobs": `{"request_id":"job-1","status":"pending"}`})
	for _, line := range []string{"invoke f --async --wait", "jobs wait job-1"} {
		r := command(t, env, strings.Fields(line)...)
		if r.code != exitFailed || !strings.Contains(r.stderr, "The job goes on: rouse jobs wait job-1\n") || !strings.Contains(r.stderr, "went away") {
			t.Errorf("rouse %s: %+v", line, r)
		}
	}
}

func TestAFollowedLogThatEndsSaysSo(t *testing.T) {
	env := hangsUp(t, map[string]string{"GET /api/v1/functions/f/logs": `{"time":"now","text":"the last line"}` + "\n"})
	if r := command(t, env, "logs", "f", "-f"); r.code != exitFailed || r.stdout != "now the last line\n" || !strings.Contains(r.stderr, "the log ended") {
		t.Errorf("followed: %+v", r)
	}
	if r := command(t, env, "logs", "f"); r.code != exitDone || r.stderr != "" {
		t.Errorf("not followed: %+v", r)
	}
}
