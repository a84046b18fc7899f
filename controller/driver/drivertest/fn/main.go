// Command fn is the function that the conformance suite runs in sandboxes. It
// does what it is asked, over either contract: with AWS_LAMBDA_RUNTIME_API it
// polls for events, else it serves HTTP on PORT.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// order is what the suite asks for.
type order struct {
	Do   string `json:"do"`
	Text string `json:"text"`
	N    int    `json:"n"`
}

// answer is what came of it.
type answer struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "sleeper" {
		fmt.Println("up")
		for { // until somebody ends it
			_ = syscall.Pause()
		}
	}
	if len(os.Args) > 1 && os.Args[1] == "nothing" {
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "drop" {
		fail(drop())
	}
	signal.Ignore(syscall.SIGXFSZ) // a write over the limit is an error to report
	if os.Getenv("STUBBORN") != "" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		farewell()
	}
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		fmt.Println("ready")
		poll("http://" + api + "/2018-06-01/runtime/invocation/")
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(obey(body))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fail(err)
	}
	fmt.Println("ready")
	fail(http.Serve(listener, nil))
}

// farewell prints a last word when the process is asked to end.
func farewell() {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM, syscall.SIGUSR1)
	go func() {
		word := "goodbye"
		if <-terms == syscall.SIGUSR1 {
			word = "goodbye, as my image wished"
		}
		fmt.Println(word)
		os.Exit(0)
	}()
}

func poll(base string) {
	for {
		event, err := http.Get(base + "next")
		if err != nil {
			fail(err)
		}
		body, err := io.ReadAll(event.Body)
		event.Body.Close()
		if err != nil {
			fail(err)
		}
		id := event.Header.Get("Lambda-Runtime-Aws-Request-Id")
		done, err := http.Post(base+id+"/response", "application/json", bytes.NewReader(obey(body)))
		if err != nil {
			fail(err)
		}
		done.Body.Close()
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func obey(body []byte) []byte {
	var o order
	var a answer
	if err := json.Unmarshal(body, &o); err != nil {
		a.Error = err.Error()
	} else if value, err := do(o); err != nil {
		a.Error = err.Error()
	} else {
		a.Value = value
	}
	b, err := json.Marshal(a)
	if err != nil {
		fail(err)
	}
	return b
}
