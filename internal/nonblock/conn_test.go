package nonblock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rousehq/rouse/internal/nonblock"
)

// pair is both ends of a TCP connection, the first of them wrapped.
func pair(t testing.TB) (wrapped, plain net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	plain, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close(); plain.Close() })
	if wrapped = nonblock.Wrap(nc); wrapped == nc {
		t.Fatal("a TCP connection was not wrapped")
	}
	return wrapped, plain
}

func TestWhatIsWrittenArrivesWhole(t *testing.T) {
	wrapped, plain := pair(t)
	// More than the system's buffers hold, so that both sides have to wait.
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	for _, way := range []struct {
		name     string
		from, to net.Conn
	}{{"to the other side", wrapped, plain}, {"from the other side", plain, wrapped}} {
		wrote := make(chan error, 1)
		go func() {
			n, err := way.from.Write(sent)
			if err == nil && n != len(sent) {
				err = io.ErrShortWrite
			}
			wrote <- err
		}()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %v, equal %v", way.name, err, bytes.Equal(got, sent))
		}
		if err := <-wrote; err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
	}
}

func TestNothingIsReadAndWrittenAtOnce(t *testing.T) {
	wrapped, _ := pair(t)
	if n, err := wrapped.Read(nil); n != 0 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if n, err := wrapped.Write(nil); n != 0 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestTheOtherSidesEndIsTheEnd(t *testing.T) {
	wrapped, plain := pair(t)
	plain.Close()
	if n, err := wrapped.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v", n, err)
	}
}

func TestADeadlineEndsAWait(t *testing.T) {
	wrapped, plain := pair(t)
	read := make(chan error, 1)
	go func() {
		n, err := wrapped.Read(make([]byte, 1))
		if n != 0 {
			t.Errorf("read %d", n)
		}
		read <- err
	}()
	wrapped.SetReadDeadline(time.Unix(1, 0))
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	wrapped.SetReadDeadline(time.Time{})
	plain.Write([]byte("x"))
	if n, err := wrapped.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("after the deadline: read %d, %v", n, err)
	}
	// A write that has to wait tells how far it came.
	wrapped.SetWriteDeadline(time.Now().Add(time.Millisecond))
	big := make([]byte, 64<<20)
	if n, err := wrapped.Write(big); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n >= len(big) {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestClosingEndsAWait(t *testing.T) {
	wrapped, _ := pair(t)
	read := make(chan error, 1)
	go func() {
		n, err := wrapped.Read(make([]byte, 1))
		if n != 0 {
			t.Errorf("read %d", n)
		}
		read <- err
	}()
	wrapped.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if n, err := wrapped.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := wrapped.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

func TestWritingToNobodyFails(t *testing.T) {
	wrapped, plain := pair(t)
	plain.(*net.TCPConn).SetLinger(0)
	plain.Close()
	var err error
	for err == nil { // until the reset has come
		_, err = wrapped.Write([]byte("x"))
	}
	if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("write: %v", err)
	}
}

func TestAConnectionWithoutADescriptorStaysAsItIs(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	defer a.Close()
	if nonblock.Wrap(a) != a {
		t.Error("a pipe of Go's own was wrapped")
	}
}
