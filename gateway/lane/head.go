package lane

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
)

// endOfHead returns the length of the head with its empty line, or 0 when b
// does not hold all of it yet. A line may end in LF alone, which tidy refuses.
// The first seen bytes are known not to hold the end.
func endOfHead(b []byte, seen int) int {
	for i := max(0, seen-2); ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch {
		case bytes.HasPrefix(b[i:], []byte("\n")):
			return i + 1
		case bytes.HasPrefix(b[i:], []byte("\r\n")):
			return i + 2
		}
	}
}

// headReader makes requests of heads.
type headReader struct {
	bytes bytes.Reader
	in    bufio.Reader
}

// parse returns the request that head begins, without its body, or nil when it
// is none that the lane understands.
func (h *headReader) parse(head []byte) *http.Request {
	if !tidy(head) {
		return nil
	}
	h.bytes.Reset(head)
	h.in.Reset(&h.bytes)
	r, err := http.ReadRequest(&h.in)
	if err != nil || !plain(r) || !saneHost(r.Host) {
		return nil
	}
	return r
}

// tidy says whether a head has lines that end in CRLF alone, none that goes on
// with the one before, no space in a name, and one Host: what http.ReadRequest
// lets pass and a server must not.
func tidy(head []byte) bool {
	hosts := 0
	for n := 0; len(head) > 2; n++ {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
			return false
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		if n > 0 && bytes.IndexByte(name, ' ') >= 0 || line[0] == ' ' || line[0] == '\t' {
			return false
		}
		if len(name) == 4 && strings.EqualFold(string(name), "Host") {
			hosts++
		}
		head = rest
	}
	return hosts == 1
}

// plain says whether a request has a body of a known and modest length, and
// wants nothing unusual of the connection.
func plain(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ProtoMinor == 1 && !r.Close && r.TLS == nil &&
		len(r.TransferEncoding) == 0 && 0 <= r.ContentLength && r.ContentLength <= maxBody &&
		r.Method == http.MethodPost && r.URL.Host == "" &&
		r.Header["Expect"] == nil && r.Header["Upgrade"] == nil && kept(r.Header["Connection"])
}

// kept says whether a request asks for no more than to keep its connection.
func kept(connection []string) bool {
	return len(connection) == 0 || len(connection) == 1 && strings.EqualFold(connection[0], "keep-alive")
}

// saneHost allows what stands in names, addresses and ports.
func saneHost(host string) bool {
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return host != ""
}
