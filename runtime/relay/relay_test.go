package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rousehq/rouse/runtime/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sockets are the two ends of a TCP connection.
func sockets(t testing.TB) (agent, host *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// end is a session whose messages a goroutine receives.
type end struct {
	*Session
	heard chan wire.Message
	named chan []*Stream
	err   error // set when heard is closed
}

func newEnd(t testing.TB, socket Socket, side Side) *end {
	e := &end{Session: New(socket, side), heard: make(chan wire.Message, 16), named: make(chan []*Stream, 16)}
	var receiving sync.WaitGroup
	receiving.Go(func() {
		defer close(e.heard)
		for {
			m, streams, err := e.Recv()
			if err != nil {
				e.err = err
				return
			}
			e.heard <- m
			e.named <- streams
		}
	})
	t.Cleanup(func() {
		_ = e.Abort()
		receiving.Wait()
		_ = e.Close()
	})
	return e
}

func pair(t testing.TB) (agent, host *end) {
	t.Helper()
	a, h := sockets(t)
	return newEnd(t, a, Agent), newEnd(t, h, Host)
}

// stream opens one from from to to.
func stream(t testing.TB, from, to *end) (ours, theirs *Stream) {
	t.Helper()
	ours, err := from.SendWith(wire.Message{Kind: wire.KindReply, Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	<-to.heard
	return ours, (<-to.named)[0]
}

func TestBytesAndTheirEndArriveBothWays(t *testing.T) {
	agent, host := pair(t)
	a, h := stream(t, agent, host)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 16 windows
	var both sync.WaitGroup
	for _, ends := range [][2]*Stream{{a, h}, {h, a}} {
		both.Go(func() {
			if n, err := ends[0].Write(big); err != nil || n != len(big) {
				t.Errorf("wrote %d, %v", n, err)
			}
			if err := ends[0].CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if got, err := io.ReadAll(ends[1]); err != nil || !bytes.Equal(got, big) {
				t.Errorf("got %d bytes of %d, %v", len(got), len(big), err)
			}
		})
	}
	both.Wait()
	a.Close()
	h.Close()
	if err := agent.Send(wire.Message{Kind: wire.KindReply, Seq: 2}); err != nil {
		t.Fatal(err)
	}
	<-host.heard
	if err := host.Send(wire.Message{Kind: wire.KindReply, Seq: 2}); err != nil {
		t.Fatal(err)
	}
	<-agent.heard
	for _, e := range []*end{agent, host} {
		if e.find(a.number) != nil {
			t.Error("a stream that both closed is not forgotten")
		}
	}
}

func TestAStreamThatNobodyReadsHoldsUpNoOther(t *testing.T) {
	agent, host := pair(t)
	stuck, _ := stream(t, agent, host)
	stuck.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := stuck.Write(make([]byte, 2*Window)); n != Window || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d of a window, %v", n, err)
	}
	a, h := stream(t, agent, host)
	if _, err := a.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if n, err := h.Read(b); err != nil || string(b[:n]) != "hello" {
		t.Errorf("got %q, %v", b[:n], err)
	}
}

func TestWhoReadsAgainGetsRoomToWriteAgain(t *testing.T) {
	agent, host := pair(t)
	a, h := stream(t, agent, host)
	written := make(chan error, 1)
	go func() {
		_, err := a.Write(make([]byte, 3*Window))
		written <- err
	}()
	if _, err := io.ReadFull(h, make([]byte, 3*Window)); err != nil {
		t.Error(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestAClosedStreamRefusesAndAResetOneSaysSo(t *testing.T) {
	agent, host := pair(t)
	a, h := stream(t, agent, host)
	if _, err := a.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if got, err := io.ReadAll(h); err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := h.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing to who has closed: %v", err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("reading what is closed: %v", err)
	}
	a, h = stream(t, agent, host)
	if _, err := a.Write([]byte("half an ans")); err != nil {
		t.Fatal(err)
	}
	a.Reset()
	if got, err := io.ReadAll(h); !errors.Is(err, syscall.ECONNRESET) || string(got) != "half an ans" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheEndOfTheSessionEndsItsStreams(t *testing.T) {
	agent, host := pair(t)
	a, h := stream(t, agent, host)
	read := make(chan error, 1)
	go func() {
		_, err := h.Read(make([]byte, 1))
		read <- err
	}()
	_ = agent.Abort()
	if err := <-read; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v", err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("written to nobody")
	}
	if _, err := host.Open(); err == nil {
		t.Error("opened after the end")
	}
}

func TestAListenersConnectionsAreAcceptedInOrder(t *testing.T) {
	agent, host := pair(t)
	listening, listener := stream(t, agent, host)
	var conns []*Stream
	for range 3 {
		conn, err := agent.Accepted(listening)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		if got, err := listener.Accept(); err != nil || got.Number() != conn.Number() {
			t.Errorf("accepted %v, %v; want %d", got, err, conn.Number())
		}
	}
	listener.SetReadDeadline(time.Now())
	if _, err := listener.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody comes: %v", err)
	}
	listener.Close()
	if _, err := listener.Accept(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	late, err := agent.Accepted(listening)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Read(make([]byte, 1)); err != io.EOF { // it is closed at once
		t.Errorf("a connection to a closed listener: %v", err)
	}
}

func TestConnectionsOfSeveralListenersMayComeAtOnce(t *testing.T) {
	const each = 500
	agent, host := pair(t)
	var all sync.WaitGroup
	for range 2 {
		listening, listener := stream(t, agent, host)
		all.Go(func() {
			for range each {
				conn, err := agent.Accepted(listening)
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			}
		})
		all.Go(func() {
			for range each {
				conn, err := listener.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			}
		})
	}
	all.Wait()
}

func TestWhoBreaksTheProtocolIsHungUpOn(t *testing.T) {
	framed := func(f frame, content ...byte) []byte {
		b := make([]byte, headSize)
		f.size = len(content)
		f.put(b)
		return append(b, content...)
	}
	message := func(m wire.Message) []byte {
		b, err := wire.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return framed(frame{kind: kindMessage}, b...)
	}
	opened := message(wire.Message{Kind: wire.KindReply, Seq: 1, Streams: []uint32{1}})
	opened = slices.Clip(opened)
	flood := opened
	for range Window/maxData + 1 {
		flood = append(flood, framed(frame{kind: kindData, stream: 1}, make([]byte, maxData)...)...)
	}
	for name, sent := range map[string][]byte{
		"garbage":             []byte("GET / HTTP/1.1\r\n\r\n"),
		"an endless frame":    {0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0},
		"a short frame":       {0, 0, 0, 1, 1, 0, 0, 0, 0},
		"another kind":        framed(frame{kind: 99, stream: 1}),
		"a message of junk":   framed(frame{kind: kindMessage}, []byte("junk")...),
		"too much data":       framed(frame{kind: kindData, stream: 1}, make([]byte, maxData+1)...),
		"more than granted":   flood,
		"credit for nothing":  append(opened, framed(frame{kind: kindCredit, stream: 1}, 0, 0, 0, 1)...),
		"endless credit":      append(opened, framed(frame{kind: kindCredit, stream: 1}, 0xff, 0xff, 0xff, 0xff)...),
		"a number twice":      append(opened, opened...),
		"a number of ours":    message(wire.Message{Kind: wire.KindReply, Seq: 1, Streams: []uint32{2}}),
		"number 0":            message(wire.Message{Kind: wire.KindReply, Seq: 1, Streams: []uint32{0}}),
		"accepted as of ours": append(opened, framed(frame{kind: kindAccept, stream: 1}, 0, 0, 0, 2)...),
		"data after its end": append(append(opened, framed(frame{kind: kindEnd, stream: 1})...),
			framed(frame{kind: kindData, stream: 1}, 'x')...),
	} {
		t.Run(name, func(t *testing.T) {
			a, h := sockets(t)
			host := newEnd(t, h, Host)
			if _, err := a.Write(sent); err != nil {
				t.Fatal(err)
			}
			for range host.heard {
			}
			if host.err == nil || host.err == io.EOF {
				t.Errorf("ended with %v", host.err)
			}
		})
	}
}

func TestBytesArriveWholeHoweverTheyAreCut(t *testing.T) {
	agent, host := pair(t)
	rapid.Check(t, func(r *rapid.T) {
		a, h := stream(t, agent, host)
		pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3*maxData), 0, 6).Draw(r, "pieces")
		size := rapid.IntRange(1, Window).Draw(r, "read size")
		done := make(chan error, 1)
		go func() {
			for _, piece := range pieces {
				if _, err := a.Write(piece); err != nil {
					done <- err
					return
				}
			}
			done <- a.Close()
		}()
		var got bytes.Buffer
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{h}, make([]byte, size))
		if err := errors.Join(err, <-done, h.Close()); err != nil {
			r.Fatal(err)
		}
		if want := bytes.Join(pieces, nil); !bytes.Equal(got.Bytes(), want) {
			r.Fatalf("%d bytes became %d", len(want), got.Len())
		}
	})
}

func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 0, 0, 5, 3, 0, 0, 0, 1}, true)
	f.Add([]byte("\x00\x00\x00\x24\x01\x00\x00\x00\x00{\"v\":1,\"kind\":\"reply\",\"seq\":1,\"streams\":[1]}\x00\x00\x00\x06\x02\x00\x00\x00\x01x"), false)
	f.Fuzz(func(t *testing.T, sent []byte, host bool) {
		side := Agent
		if host {
			side = Host
		}
		s := New(&tape{Reader: bytes.NewReader(sent)}, side)
		for {
			_, streams, err := s.Recv()
			if err != nil {
				break
			}
			for _, stream := range streams {
				if stream != nil {
					stream.Close()
				}
			}
		}
		s.Close()
		if len(s.streams) > 0 {
			t.Errorf("%d streams after the end", len(s.streams))
		}
	})
}

// tape is a socket that somebody else has spoken to.
type tape struct{ io.Reader }

func (*tape) Write(b []byte) (int, error)      { return len(b), nil }
func (*tape) Close() error                     { return nil }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) SetWriteDeadline(time.Time) error { return nil }

func BenchmarkStream(b *testing.B) {
	agent, host := pair(b)
	from, to := stream(b, agent, host)
	piece := make([]byte, 16<<10)
	b.SetBytes(int64(len(piece)))
	go func() {
		for {
			if _, err := from.Write(piece); err != nil {
				return
			}
		}
	}()
	for b.Loop() {
		if _, err := io.ReadFull(to, piece); err != nil {
			b.Fatal(err)
		}
	}
	from.Close()
}
