package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFunctionsOfBothContractsAreReachedInEveryWay(t *testing.T) {
	for _, way := range []string{"host", "agent", "relay"} {
		t.Run(way, func(t *testing.T) {
			w := onDockerWith(t, dataDir(t), "--cells", "1", "--sockets", way)
			w.leavesNothing()
			if !strings.Contains(w.stderr.String(), `sockets="`+way+` (--sockets `+way+`)"`) {
				t.Errorf("the log does not say which way is used: %s", w.stderr)
			}
			for _, contract := range []string{"lambda", "http"} {
				w.rogue(contract, "--contract", contract)
				first := w.do(contract, order{Do: "write", Text: way})
				w.ask(contract, order{Do: "exit", N: 3}) // its process begins again, in the same sandbox
				if again := w.do(contract, order{Do: "read"}); again.Value != way || first.Calls != 1 {
					t.Errorf("%s: %+v, then %+v", contract, first, again)
				}
			}
			upgrade(t, w)
		})
	}
}

// upgrade has a connection to the http function that both ends use as they like.
func upgrade(t *testing.T, w world) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "GET /fn/http/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", res, err)
	}
	for i := range 3 {
		want := fmt.Sprintf("line %d\n", i)
		if _, err := io.WriteString(conn, want); err != nil {
			t.Fatal(err)
		}
		if got, err := r.ReadString('\n'); err != nil || got != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}
