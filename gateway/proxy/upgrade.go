package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// upgradeOf is the protocol that a header asks or agrees to switch to, or "".
func upgradeOf(h http.Header) string {
	if len(h["Upgrade"]) == 0 {
		return ""
	}
	for _, list := range h["Connection"] {
		for token := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return h.Get("Upgrade")
			}
		}
	}
	return ""
}

// upgrade joins client and function after the function has agreed to switch
// protocols. It blocks until one side closes; bytes in flight towards the other
// have been written by then.
func (x *exchange) upgrade(p *Proxy, out *http.Request, res *http.Response, began time.Time) error {
	defer res.Body.Close()
	kind := upgradeOf(res.Header)
	if asked := upgradeOf(out.Header); asked == "" || !strings.EqualFold(asked, kind) {
		return rouse.Errorf(rouse.FunctionError, "the function switched to protocol %q, but %q was asked for", rouse.Clip(kind), rouse.Clip(asked))
	}
	function, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return rouse.Errorf(rouse.Internal, "an upgraded connection that cannot be written to")
	}
	client, buffered, err := http.NewResponseController(x.call.Writer).Hijack()
	if err != nil {
		e := rouse.Errorf(rouse.Internal, "the client's connection cannot be upgraded")
		e.Cause = err
		return e
	}
	defer client.Close()
	client.SetDeadline(time.Time{})
	if x.acceptUpgrade(buffered.Writer, res, kind, began) != nil {
		return gateway.ErrClientGone
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer client.Close()
		p.copy(client, function)
	})
	both.Go(func() {
		defer function.Close()
		p.copy(function, behind(buffered.Reader, client))
	})
	both.Wait()
	return nil
}

func (x *exchange) acceptUpgrade(w *bufio.Writer, res *http.Response, kind string, began time.Time) error {
	h := x.call.Writer.Header() // X-Request-Id is in it
	copyHeader(h, res.Header)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{kind}
	gateway.SetTimings(h, x.call.Lease, began)
	w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	h.Write(w)
	w.WriteString("\r\n")
	return w.Flush() // reports what went wrong before, too
}

// behind reads what the server had read ahead, then the connection itself.
func behind(ahead *bufio.Reader, conn net.Conn) io.Reader {
	if n := ahead.Buffered(); n > 0 {
		return io.MultiReader(io.LimitReader(ahead, int64(n)), conn)
	}
	return conn
}

func (p *Proxy) copy(to io.Writer, from io.Reader) {
	buf := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(buf)
	// Hiding what else they can do keeps io.Copy to the buffer and its promptness.
	io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, *buf)
}
