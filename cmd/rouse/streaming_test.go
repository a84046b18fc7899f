package main

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"time"
)

// streamed is the answer of a function that writes its second line half a second
// after the first: only a client which got that one before can measure it.
func streamed(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := bufio.NewReader(res.Body)
	first, err := body.ReadString('\n')
	began := time.Now()
	rest, restErr := io.ReadAll(body)
	if took := time.Since(began); first != "one\n" || string(rest) != "two\n" || err != nil || restErr != nil || took < 250*time.Millisecond {
		t.Errorf("%q, and %q %v later: %v %v", first, rest, took, err, restErr)
	}
	return res
}

func TestAStreamedAnswerIsNotHeldBack(t *testing.T) {
	onEachDriver(t, func(t *testing.T, w world) {
		w.must("deploy", "stream", "--code", tree(t, map[string]string{"index.js": `
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'b' }, cookies: ['c=d'] });
  out.write('one\n');
  await new Promise((r) => setTimeout(r, 500));
  out.write('two\n');
  out.end();
});
`}), "--runtime", "nodejs20.x", "--handler", "index.handler")
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/fn/stream/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res := streamed(t, req)
		if res.StatusCode != 201 || res.Header.Get("X-A") != "b" || res.Header.Get("Set-Cookie") != "c=d" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
	})
}
