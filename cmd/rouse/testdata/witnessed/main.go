// Command witnessed is the function of the tests in which Rouse is killed. It
// tells a witness of each execution before it answers, so that what Rouse says
// can be compared with what happened.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

type event struct {
	N       int  `json:"n"`
	Fails   bool `json:"fails"`
	Records []struct {
		ID   string `json:"messageId"`
		Body string `json:"body"`
	}
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	began := time.Now().UnixNano()
	for calls := 0; ; calls++ {
		resp, err := http.Get(base + "next")
		must(err)
		raw, err := io.ReadAll(resp.Body)
		must(err)
		resp.Body.Close()
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		var e event
		must(json.Unmarshal(raw, &e))
		answer := fmt.Sprintf("%d.%d", began, calls) // of this execution alone
		post(os.Getenv("WITNESS"), map[string]any{"id": id, "answer": answer, "fails": e.Fails, "event": json.RawMessage(raw)})
		time.Sleep(time.Duration(e.N%4) * time.Millisecond)
		if e.Fails {
			post(base+id+"/error", map[string]string{"errorType": "Wanted", "errorMessage": answer})
			continue
		}
		failed := []failure{}
		for _, r := range e.Records {
			if strings.HasPrefix(r.Body, "poison") {
				failed = append(failed, failure{r.ID})
			}
		}
		post(base+id+"/response", map[string]any{"answer": answer, "batchItemFailures": failed})
	}
}

func post(url string, v any) {
	b, err := json.Marshal(v)
	must(err)
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	must(err)
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	resp.Body.Close()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
