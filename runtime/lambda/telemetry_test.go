package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// follower is an Output whose function prints when a test says so.
type follower struct {
	nowhere
	follow func(string, bool)
}

func (f *follower) Follow(to func(string, bool)) { f.follow = to }

func TestSubscribersGetWhatTheyAskedFor(t *testing.T) {
	took := make(chan record, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var batch []record
		if err := json.Unmarshal(b, &batch); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		for _, one := range batch {
			took <- one
		}
	}))
	defer server.Close()
	out := new(follower)
	w := newWorld(t, func(ep *rouse.Endpoint, o *Options) {
		o.Output = out
		ep.Local = func(context.Context, int) (net.Conn, error) { return net.Dial("tcp", server.Listener.Addr().String()) }
	})
	x := w.dial()
	x.extend("POST", "register", `{}`, "Lambda-Extension-Name: x\r\n")
	me := "Lambda-Extension-Identifier: " + x.want(200, "").Header.Get("Lambda-Extension-Identifier") + "\r\n"
	put := func(body string) {
		x.write("PUT /2022-07-01/telemetry HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", me, len(body), body)
	}
	const to = `"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080"}`
	for _, bad := range []struct{ body, says string }{
		{`{`, "JSON"},
		{`{"types":["tea"],` + to + `}`, "tea"},
		{`{"types":[],` + to + `}`, "at least one"},
		{`{"types":["platform"],"buffering":{"maxItems":1},` + to + `}`, "maxItems"},
		{`{"types":["platform"],"destination":{"protocol":"TCP"}}`, "must be HTTP"},
		{`{"types":["platform"],"destination":{"protocol":"HTTP","URI":"http://example.com:80"}}`, "sandbox.localdomain"},
	} {
		put(bad.body)
		x.want(400, bad.says)
	}
	put(`{"types":["function","platform"],"buffering":{"timeoutMs":25},` + to + `}`)
	x.want(200, "OK")
	out.follow("not asked for", true)
	out.follow("hello", false)
	want := map[string]bool{"platform.initStart": true, "platform.telemetrySubscription": true, "function": true}
	for len(want) > 0 {
		one := <-took
		if !want[one.Type] || one.Type == "function" && one.Record != "hello" {
			t.Errorf("took %+v", one)
		}
		delete(want, one.Type)
	}
	put(`{"types":["extension"],"buffering":{"timeoutMs":25},` + to + `}`)
	x.want(200, "OK")
	out.follow("not asked for either", false)
	out.follow("hello from beside", true)
	if one := <-took; one.Type != "extension" || one.Record != "hello from beside" {
		t.Errorf("then took %+v", one)
	}
}

func TestSubscribersAreToldHowAnEventEnded(t *testing.T) {
	w := newWorld(t, func(_ *rouse.Endpoint, o *Options) {
		o.Logging = &rouse.Logging{Application: rouse.LogInfo, System: rouse.LogWarn}
	})
	c := w.ready()
	s := &subscription{types: map[string]bool{"platform": true, "function": true}, limits: buffering{MaxItems: 100, MaxBytes: 1 << 20}}
	w.subs.Store(&[]*subscription{s})
	for id, answer := range map[string][2]string{"a": {"response", "1"}, "b": {"error", `{"errorType":"E","errorMessage":"m"}`}} {
		ev := event(id)
		ev.Report = new(rouse.Report)
		out := w.invoke(ev)
		c.want(200, "")
		c.post("invocation/"+id+"/"+answer[0], answer[1])
		c.want(202, "")
		c.poll()
		<-out
	}
	w.printed(`{"level":"INFO"}`, false) // which the function's runtime prints, since the log is JSON
	w.printed(`{level`, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	all := string(encode(s.buffer))
	for part, n := range map[string]int{
		`"requestId":"a","status":"success"`: 2, `"requestId":"b","status":"error"`: 2, `"errorType":"E"`: 2,
		`"type":"function","record":{"level":"INFO"}`: 1, `"type":"function","record":"{level"`: 1,
	} {
		if strings.Count(all, part) != n {
			t.Errorf("%s is not %d times in\n%s", part, n, all)
		}
	}
}

func TestWhatASubscriberCannotTakeIsCounted(t *testing.T) {
	s, _, err := parseSubscription([]byte(`{"types":["function"],"buffering":{"maxItems":1000},
		"destination":{"protocol":"HTTP","URI":"http://sandbox:1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2003 {
		s.add(fmt.Appendf(nil, "%4d", i))
	}
	var sent string
	s.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		sent = string(b)
		return &http.Response{StatusCode: 500, Body: http.NoBody, Header: http.Header{}}, err
	})
	s.deliver(t.Context())
	if !strings.Contains(sent, `"platform.logsDropped"`) || !strings.Contains(sent, `"droppedRecords":3`) || !strings.Contains(sent, `"droppedBytes":12`) {
		t.Errorf("sent …%s", sent[max(0, len(sent)-200):])
	}
	s.deliver(t.Context()) // what was refused is said too
	if !strings.Contains(sent, `"droppedRecords":2001`) {
		t.Errorf("then …%s", sent[max(0, len(sent)-200):])
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestATraceBeginsWhereNoneCame(t *testing.T) {
	for sampled, traced := range map[int]bool{0: false, 1: true} {
		w := newWorld(t, func(_ *rouse.Endpoint, o *Options) { o.Traced = traced })
		c := w.ready()
		w.invoke(event("a"))
		got := c.want(200, "").Header.Get("Lambda-Runtime-Trace-Id")
		var root, parent string
		var said int
		if _, err := fmt.Sscanf(strings.NewReplacer(";", " ").Replace(got), "Root=1-%s Parent=%s Sampled=%d", &root, &parent, &said); err != nil ||
			len(root) != 8+1+24 || len(parent) != 16 || said != sampled {
			t.Errorf("got %q: %v", got, err)
		}
	}
}
