// Command extension is an external extension as vendors ship them: one static
// program. It prints what it is told and what telemetry brings it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// client is of the Extensions API.
type client struct{ api, id string }

func (c *client) call(method, path string, body, into any) {
	b, err := json.Marshal(body)
	if err != nil {
		log.Fatal(err)
	}
	req, err := http.NewRequest(method, "http://"+c.api+path, bytes.NewReader(b))
	if err != nil {
		log.Fatal(err)
	}
	if c.id == "" {
		req.Header.Set("Lambda-Extension-Name", filepath.Base(os.Args[0]))
	} else {
		req.Header.Set("Lambda-Extension-Identifier", c.id)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		log.Fatal(path, res.Status, string(text), err)
	}
	if c.id == "" {
		c.id = res.Header.Get("Lambda-Extension-Identifier")
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			log.Fatal(err)
		}
	}
}

// take prints the lines that telemetry brings, but for those about them.
func take(_ http.ResponseWriter, r *http.Request) {
	var records []struct {
		Type   string
		Record any
	}
	if err := json.NewDecoder(r.Body).Decode(&records); err != nil {
		log.Fatal(err)
	}
	for _, one := range records {
		text, ok := one.Record.(string)
		if ok && !strings.HasPrefix(text, "took ") {
			fmt.Println("took", one.Type, text)
		}
	}
}

func main() {
	log.SetFlags(0)
	l, err := net.Listen("tcp", "sandbox.localdomain:0")
	if err != nil { // where there is no namespace to be named
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(l, http.HandlerFunc(take))) }()
	c := &client{api: os.Getenv("AWS_LAMBDA_RUNTIME_API")}
	c.call("POST", "/2020-01-01/extension/register", map[string]any{"events": []string{"INVOKE", "SHUTDOWN"}}, nil)
	c.call("PUT", "/2022-07-01/telemetry", map[string]any{
		"schemaVersion": "2022-12-13", "types": []string{"function", "extension"}, "buffering": map[string]int{"timeoutMs": 25},
		"destination": map[string]string{"protocol": "HTTP", "URI": fmt.Sprintf("http://sandbox.localdomain:%d/", l.Addr().(*net.TCPAddr).Port)},
	}, nil)
	fmt.Println("says this")
	fmt.Fprintln(os.Stderr, "warns of that")
	for {
		var event struct{ EventType, ShutdownReason string }
		c.call("GET", "/2020-01-01/extension/event/next", nil, &event)
		if event.EventType == "SHUTDOWN" {
			fmt.Println("told of", event.ShutdownReason)
			return
		}
	}
}
