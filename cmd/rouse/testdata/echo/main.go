// Command echo is the function of the tests, for both contracts.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type event struct {
	Sleep int    `json:"sleep"` // milliseconds
	Print string `json:"print"`
	Exit  int    `json:"exit"`
	Visit string `json:"visit"` // a URL to be fetched before the answer
}

var calls int

func answer(e event) []byte {
	calls++
	if e.Print != "" {
		fmt.Println(e.Print)
	}
	if e.Exit != 0 {
		os.Exit(e.Exit)
	}
	if e.Visit != "" {
		if resp, err := http.Get(e.Visit); err == nil {
			resp.Body.Close()
		}
	}
	time.Sleep(time.Duration(e.Sleep) * time.Millisecond)
	b, _ := json.Marshal(map[string]any{"calls": calls, "said": e.Print, "word": os.Getenv("WORD"), "began": os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE")})
	return b
}

func main() {
	if os.Getenv("FAIL") != "" {
		fmt.Println("about to fail")
		os.Exit(1)
	}
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if api == "" {
		panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(serve)))
	}
	base := "http://" + api + "/2018-06-01/runtime/invocation/"
	for {
		resp, err := http.Get(base + "next")
		if err != nil {
			panic(err)
		}
		var e event
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
			panic(err)
		}
		resp.Body.Close()
		done, err := http.Post(base+resp.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", bytes.NewReader(answer(e)))
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, done.Body)
		done.Body.Close()
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	var e event
	if r.Body != nil {
		json.NewDecoder(r.Body).Decode(&e)
	}
	w.Header().Set("Saw", r.Method+" "+r.URL.Path)
	w.Write(answer(e))
}
