package adminapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

func TestUploadsAreTakenInUpToTheirLimit(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	a := want[Artifact](t, s, 201, "POST", "/api/v1/artifacts", strings.Repeat("x", 1000))
	if a.Digest != "sha256:abc" || len(p.uploaded) != 1000 {
		t.Errorf("got %+v of %d bytes", a, len(p.uploaded))
	}
	for name, body := range map[string]io.Reader{
		"sized": strings.NewReader(strings.Repeat("x", 1001)), "chunked": io.LimitReader(zeros{}, 5_000),
	} {
		res, err := s.Client().Post(s.URL+"/api/v1/artifacts", "application/zip", body)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 413 || !strings.Contains(string(b), "limit of 1000") {
			t.Errorf("%s: %d %s", name, res.StatusCode, b)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnUploadThatBreaksOffIsNotAnswered(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /api/v1/artifacts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nPK")
	conn.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(conn); err != nil || len(b) != 0 || p.uploaded != nil {
		t.Errorf("answer %q, %v; uploaded %d bytes", b, err, len(p.uploaded))
	}
}

func TestInstancesAreListedByFunctionAndAge(t *testing.T) {
	s := serve(t, newPlatform())
	ids := func(path string) (ids string) {
		for _, i := range want[[]rouse.Instance](t, s, 200, "GET", path, "") {
			ids += string(i.ID) + " "
		}
		return ids
	}
	if got := ids("/api/v1/instances"); got != "i-1 i-2 i-3 " {
		t.Error(got)
	}
	if got := ids("/api/v1/instances?function=web"); got != "i-3 " {
		t.Error(got)
	}
	for _, status := range []int{202, 404} {
		if got, body := call(t, s, "DELETE", "/api/v1/instances/i-1", ""); got != status {
			t.Errorf("status %d, want %d: %s", got, status, body)
		}
	}
}

func TestStatusIsThePlatformAtAGlance(t *testing.T) {
	got := want[Status](t, serve(t, newPlatform()), 200, "GET", "/api/v1/status", "")
	if got.Version != "1.2.3" || got.Driver != "process" || got.DriverReason == "" || got.Functions != 2 || got.Instances["ready"] != 2 ||
		got.InFlight != 1 || got.Waiting != 3 || got.MemoryBudget != rouse.GB || got.MemoryInUse != 512*rouse.MB || got.Started != "2026-01-02T03:04:05Z" ||
		got.Cells == nil || got.Cells.Ready != 3 {
		t.Errorf("got %+v", got)
	}
}

// twoLines yields two lines and then err, if there is one.
func twoLines(err error) func(yield func(LogLine, error) bool) {
	return func(yield func(LogLine, error) bool) {
		if yield(LogLine{Time: "T1", Stream: "stdout", Text: "one"}, nil) && yield(LogLine{Time: "T2", Stream: "stderr", Text: "two"}, nil) && err != nil {
			yield(LogLine{}, err)
		}
	}
}

func TestLogsComeInTheFormThatTheClientAccepts(t *testing.T) {
	p := newPlatform()
	s := serve(t, p)
	for accept, forms := range map[string][2]string{
		"":                  {`{"time":"T1","stream":"stdout","instance":"","revision":"","text":"one"}` + "\n", `{"error":{"code":"internal",`},
		"text/event-stream": {`data: {"time":"T1","stream":"stdout","instance":"","revision":"","text":"one"}` + "\n\n", `data: {"error":{"code":"internal",`},
		"text/html":         {"T1 stdout one\n", "error: internal error"},
	} {
		p.lines = twoLines(nil)
		if status, body := call(t, s, "GET", "/api/v1/functions/hello/logs", "", "Accept", accept); status != 200 || !strings.HasPrefix(body, forms[0]) || strings.Contains(body, "error") {
			t.Errorf("%s: %d %s", accept, status, body)
		}
		p.lines = twoLines(errors.New("disk secret"))
		if _, body := call(t, s, "GET", "/api/v1/functions/hello/logs", "", "Accept", accept); !strings.Contains(body, forms[1]) || strings.Contains(body, "secret") {
			t.Errorf("%s: %s", accept, body)
		}
	}
}

func TestLogQueriesAreUnderstood(t *testing.T) {
	p := newPlatform()
	p.lines = twoLines(nil)
	s := serve(t, p)
	call(t, s, "GET", "/api/v1/functions/hello/logs?tail=5&since=2026-01-02T03:04:05Z&request_id=r&follow=true", "")
	if p.query != (LogQuery{Tail: 5, Since: epoch, RequestID: "r", Follow: true}) {
		t.Errorf("got %+v", p.query)
	}
	if q, err := logQuery(map[string][]string{"since": {"10m"}}, epoch); err != nil || !q.Since.Equal(epoch.Add(-10*time.Minute)) {
		t.Errorf("got %+v, %v", q, err)
	}
	if q, err := logQuery(map[string][]string{"tail": {"0"}}, epoch); err != nil || q.Tail != -1 {
		t.Errorf("got %+v, %v", q, err)
	}
	for _, query := range []string{"tail=-1", "tail=x", "since=yesterday", "since=-5m", "follow=maybe", "tial=5"} {
		if status, body := call(t, s, "GET", "/api/v1/functions/hello/logs?"+query, ""); status != 400 || !strings.Contains(body, "invalid") {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

func TestFollowedLogsArriveAtOnceAndEndWithTheClient(t *testing.T) {
	p := newPlatform()
	next, ended := make(chan string), make(chan struct{})
	p.lines = func(yield func(LogLine, error) bool) {
		defer close(ended)
		for text := range next {
			if !yield(LogLine{Text: text}, nil) {
				return
			}
		}
	}
	s := serve(t, p)
	res, err := s.Client().Get(s.URL + "/api/v1/functions/hello/logs?follow=1")
	if err != nil {
		t.Fatal(err) // the head comes before the first line
	}
	lines := bufio.NewScanner(res.Body)
	for _, text := range []string{"one", "two"} {
		next <- text
		if !lines.Scan() || !strings.Contains(lines.Text(), text) {
			t.Errorf("got %q, %v", lines.Text(), lines.Err())
		}
	}
	res.Body.Close()
	for open := true; open; { // the server notices at one of its next lines
		select {
		case next <- "three":
		case <-ended:
			open = false
		}
	}
}

func TestBrowsersAndForeignHostsAreKeptOut(t *testing.T) {
	s := serve(t, newPlatform())
	if status, body := call(t, s, "DELETE", "/api/v1/functions/hello", "", "Origin", "http://evil.com"); status != 403 {
		t.Errorf("%d %s", status, body)
	}
	r, _ := http.NewRequest("GET", s.URL+"/api/v1/status", nil)
	r.Host = "evil.com"
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 {
		t.Errorf("status %d", res.StatusCode)
	}
}
