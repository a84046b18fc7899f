package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// events speaks the Runtime API on a raw connection, as the leanest of runtimes
// would, so that what is measured is the other side.
func events(network, addr string) error {
	conn, err := blocking(network, addr)
	if err != nil {
		return err
	}
	may := os.Getenv("MISBEHAVE") != ""
	slow := os.Getenv("SLOW") != ""
	r := bufio.NewReader(conn)
	poll := []byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: rouse\r\n\r\n")
	var out, body []byte
	for {
		if _, err := conn.Write(poll); err != nil {
			return err
		}
		id, event, err := read(r, body)
		if err != nil {
			return err
		}
		if may {
			misbehave(event)
		}
		if slow {
			pause("SLOW")
		}
		out = fmt.Appendf(out[:0], "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: rouse\r\nContent-Length: %d\r\n\r\n%s",
			id, len(event), event)
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if _, body, err = read(r, event); err != nil {
			return err
		}
	}
}

// blocking connects and has reads wait in the system: a process with one
// connection has no use for a poller, whose threads wake one another.
func blocking(network, addr string) (*os.File, error) {
	conn, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return nil, err
	}
	return file, syscall.SetNonblock(int(file.Fd()), false)
}

// read takes in one answer and returns its request id, if it is an event, and
// its body, which lies in into where it fits.
func read(r *bufio.Reader, into []byte) (id string, body []byte, err error) {
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return "", nil, err
		}
		name, value, ok := strings.Cut(strings.TrimRight(string(line), "\r\n"), ": ")
		if name == "" {
			break
		}
		switch {
		case ok && name == "Lambda-Runtime-Aws-Request-Id":
			id = value
		case ok && name == "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return "", nil, err
			}
		}
	}
	if cap(into) < length {
		into = make([]byte, length)
	}
	_, err = io.ReadFull(r, into[:length])
	return id, into[:length], err
}
