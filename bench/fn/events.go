package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/rousehq/rouse/internal/nonblock"
)

// events speaks the Runtime API on a raw connection, as the leanest of runtimes
// would, so that what is measured is the other side: it allocates nothing.
func events(network, addr string) error {
	plain, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	conn := nonblock.Wrap(plain) // of which no second thread is woken
	may := os.Getenv("MISBEHAVE") != ""
	slow := os.Getenv("SLOW") != ""
	in := answers{conn: conn, buf: make([]byte, 16<<10)}
	poll := []byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: rouse\r\n\r\n")
	var out []byte
	for {
		if _, err := conn.Write(poll); err != nil {
			return err
		}
		head, event, err := in.next()
		if err != nil {
			return err
		}
		if may {
			misbehave(event)
		}
		if slow {
			pause("SLOW")
		}
		out = append(out[:0], "POST /2018-06-01/runtime/invocation/"...)
		out = append(out, value(head, "Lambda-Runtime-Aws-Request-Id")...)
		out = append(out, "/response HTTP/1.1\r\nHost: rouse\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(event)), 10)
		out = append(out, "\r\n\r\n"...)
		out = append(out, event...)
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if _, _, err = in.next(); err != nil {
			return err
		}
	}
}

// answers reads what comes back, one answer at a time: another is asked for when
// the one before has been read.
type answers struct {
	conn io.Reader
	buf  []byte
}

// next blocks until a whole answer has come. It is good until the next one.
func (a *answers) next() (head, body []byte, err error) {
	for have, end := 0, -1; ; {
		if have == len(a.buf) {
			a.buf = append(a.buf, make([]byte, len(a.buf))...)
		}
		n, err := a.conn.Read(a.buf[have:])
		if err != nil {
			return nil, nil, err
		}
		have += n
		if end < 0 {
			if end = bytes.Index(a.buf[:have], []byte("\r\n\r\n")); end < 0 {
				continue
			}
			end += 4
		}
		head = a.buf[:end]
		length, err := strconv.Atoi(string(value(head, "Content-Length")))
		if err != nil {
			return nil, nil, err
		}
		if have == end+length {
			return head, a.buf[end:have], nil
		}
	}
}

// value is that of a header, as Rouse writes it.
func value(head []byte, name string) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && string(line[:len(name)]) == name {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}
