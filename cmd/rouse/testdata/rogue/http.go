package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// serveHTTP obeys ?order=JSON.
func serveHTTP(addr string) error {
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var o order
		_ = json.Unmarshal([]byte(r.URL.Query().Get("order")), &o) // asks for nothing then
		if raw, ok := rude[o.Do]; ok {
			nc, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				fail(err)
			}
			raw(nc)
			return
		}
		if r.Header.Get("Upgrade") == "echo" {
			nc, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				fail(err)
			}
			fmt.Fprint(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_, _ = io.Copy(nc, rw)
			nc.Close()
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		value, err := do(o)
		if err != nil {
			value = err.Error()
		}
		_, _ = w.Write(answer(value))
	}))
}

// rude is what no server should answer.
var rude = map[string]func(net.Conn){
	"garbage": func(nc net.Conn) { fmt.Fprint(nc, "\x00\xffnot HTTP at all\r\n\r\n"); nc.Close() },
	"slam":    func(nc net.Conn) { nc.Close() },
	"headers": func(nc net.Conn) {
		// Line by line: at once they would be more than the function's memory.
		line := "X-Filler: " + strings.Repeat("x", 1000) + "\r\n"
		_, err := fmt.Fprint(nc, "HTTP/1.1 200 OK\r\n")
		for n := 0; n < 20<<10 && err == nil; n++ {
			_, err = fmt.Fprint(nc, line)
		}
		nc.Close()
	},
	"cut": func(nc net.Conn) {
		fmt.Fprint(nc, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
		nc.Close()
	},
	"die": func(nc net.Conn) {
		fmt.Fprint(nc, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
		os.Exit(1)
	},
}
