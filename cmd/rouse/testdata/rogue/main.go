// Command rogue is the function of the tests that does what functions should
// not. It speaks the Runtime API on raw connections, or HTTP on PORT, and does
// what each event asks for.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// order is what a test asks for.
type order struct {
	Do   string `json:"do"`
	Text string `json:"text"`
	N    int    `json:"n"`
}

var calls int

func main() {
	if len(os.Args) > 2 {
		descend(os.Args[1], os.Args[2])
	}
	signal.Ignore(syscall.SIGXFSZ) // a write over the limit is an error to report
	if os.Getenv("STUBBORN") != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	if gate := os.Getenv("GATE"); gate != "" {
		await(gate)
	}
	if ms, err := strconv.Atoi(os.Getenv("INIT")); err == nil {
		time.Sleep(time.Duration(ms) * time.Millisecond)
	}
	if text := os.Getenv("CRASH"); text != "" {
		fmt.Println(text)
		os.Exit(3)
	}
	if addr := os.Getenv("AWS_LAMBDA_RUNTIME_API"); addr != "" {
		fail(newAPI(addr).serve())
	}
	fail(serveHTTP("127.0.0.1:" + os.Getenv("PORT")))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// readOrder understands an event as it is, or as the body of a request.
func readOrder(event []byte) order {
	var request struct{ Body *string }
	if json.Unmarshal(event, &request) == nil && request.Body != nil {
		event = []byte(*request.Body)
	}
	var o order
	_ = json.Unmarshal(event, &o) // an event of another form asks for nothing
	return o
}

// answer is what a test gets back.
func answer(value any) []byte {
	calls++
	b, err := json.Marshal(map[string]any{"calls": calls, "pid": os.Getpid(), "word": os.Getenv("WORD"), "value": value})
	if err != nil {
		fail(err)
	}
	return b
}
