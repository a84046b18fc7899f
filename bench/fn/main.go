// Command fn is the function that the benchmarks call: it echoes. Its
// environment says how it is spoken to: AWS_LAMBDA_RUNTIME_API for the Runtime API
// over TCP, BENCH_SOCKET for the same over a unix socket, else PORT for HTTP.
package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	pause("START_DELAY")
	switch {
	case os.Getenv("AWS_LAMBDA_RUNTIME_API") != "":
		log.Fatal(events("tcp", os.Getenv("AWS_LAMBDA_RUNTIME_API")))
	case os.Getenv("BENCH_SOCKET") != "":
		log.Fatal(events("unix", os.Getenv("BENCH_SOCKET")))
	}
	log.Fatal(serve(net.JoinHostPort("127.0.0.1", os.Getenv("PORT"))))
}

// pause sleeps for as long as an environment variable says.
func pause(variable string) {
	if text := os.Getenv(variable); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			log.Fatalf("%s: %v", variable, err)
		}
		time.Sleep(d)
	}
}

func serve(addr string) error {
	slow := os.Getenv("SLOW") != ""
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if slow {
			pause("SLOW")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(b)
	}))
}

// misbehave does what an event asks for, in functions that may.
func misbehave(event []byte) {
	switch {
	case bytes.Contains(event, []byte("please crash")):
		os.Exit(1)
	case bytes.Contains(event, []byte("please hang")):
		time.Sleep(time.Hour) // select {} would be found out as a deadlock
	}
}
