package wire

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func samples() []Message {
	return []Message{
		{Kind: KindHello, ID: "box", Token: "t", Run: 2, Exit: &Exit{Run: 2, Code: -1, Signal: 9}, Held: []string{"listener", "conn:3"}},
		{Kind: KindWelcome, Token: "r"},
		{Kind: KindListen, Seq: 1, Port: 9001},
		{Kind: KindReply, Seq: 1, Port: 9001},
		{Kind: KindReply, Seq: 2, Error: "connection refused", Errno: 111},
		{Kind: KindZygote, Seq: 3, Start: &Start{Argv: []string{"python3", "-c", "x"}}},
		{Kind: KindStart, Seq: 4, Start: &Start{Argv: []string{"python3", "x.py"}, Fork: true}},
		{Kind: KindStart, Start: &Start{Argv: []string{"sh", "-c", "x"}, Env: []string{"A=ü\n"}, Dir: "/", UID: 1, GID: 2, Groups: []int{3}, Limits: []Limit{{7, 1, 1 << 63}}}},
		{Kind: KindRestart, Seq: 3, Run: 2},
		{Kind: KindSignal, Signal: 15},
		{Kind: KindHold, Name: "conn:0"},
		{Kind: KindExit, Exit: &Exit{Run: 1, Code: 127, Error: "exec: x: not found"}},
		{Kind: KindStop},
	}
}

func TestAMessageComesOutAsItWentIn(t *testing.T) {
	for _, m := range samples() {
		b, err := Encode(m)
		if err != nil {
			t.Fatalf("%s: %v", m.Kind, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", m.Kind, err)
		}
		m.Version = Version
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, want %+v", got, m)
		}
	}
}

func TestDecodeRefusesWhatIsOutOfBounds(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, packet := range map[string]string{
		"garbage":             "garbage",
		"not an object":       "[]",
		"no version":          `{"kind":"stop"}`,
		"another version":     `{"v":2,"kind":"stop"}`,
		"no kind":             `{"v":1}`,
		"unknown kind":        `{"v":1,"kind":"dance"}`,
		"hello without id":    `{"v":1,"kind":"hello","token":"x"}`,
		"too many streams":    `{"v":1,"kind":"reply","seq":1,"streams":[1,3,5,7,9,11,13]}`,
		"long proof":          `{"v":1,"kind":"proof","proof":"` + long + `"}`,
		"greet without nonce": `{"v":1,"kind":"greet","id":"x"}`,
		"long id":             `{"v":1,"kind":"hello","id":"` + long + `","token":"x"}`,
		"negative run":        `{"v":1,"kind":"hello","id":"x","token":"x","run":-1}`,
		"bad held name":       `{"v":1,"kind":"hello","id":"x","token":"x","held":["../x"]}`,
		"too many held":       `{"v":1,"kind":"hello","id":"x","token":"x","held":["a"` + strings.Repeat(`,"a"`, MaxHeld+Own) + `]}`,
		"reply to nothing":    `{"v":1,"kind":"reply"}`,
		"negative seq":        `{"v":1,"kind":"reply","seq":-1}`,
		"huge errno":          `{"v":1,"kind":"reply","seq":1,"errno":5000}`,
		"long error":          `{"v":1,"kind":"reply","seq":1,"error":"` + long + `"}`,
		"port":                `{"v":1,"kind":"dial","seq":1,"port":65536}`,
		"exit without one":    `{"v":1,"kind":"exit"}`,
		"exit of no run":      `{"v":1,"kind":"exit","exit":{"run":0}}`,
		"exit code":           `{"v":1,"kind":"exit","exit":{"run":1,"code":256}}`,
		"exit signal":         `{"v":1,"kind":"exit","exit":{"run":1,"signal":128}}`,
		"start of nothing":    `{"v":1,"kind":"start","start":{"argv":[]}}`,
		"start as nobody":     `{"v":1,"kind":"start","start":{"argv":["x"],"uid":-1}}`,
		"NUL in argv":         `{"v":1,"kind":"start","start":{"argv":["x","a\u0000b"]}}`,
		"NUL in env":          `{"v":1,"kind":"start","start":{"argv":["x"],"env":["A=\u0000"]}}`,
		"restart of run 1":    `{"v":1,"kind":"restart","seq":1,"run":1}`,
		"signal 0":            `{"v":1,"kind":"signal"}`,
		"hold without a name": `{"v":1,"kind":"hold"}`,
		"long name":           `{"v":1,"kind":"drop","name":"` + strings.Repeat("x", 33) + `"}`,
		"too long":            `{"v":1,"kind":"stop"}` + strings.Repeat(" ", MaxSize),
	} {
		if m, err := Decode([]byte(packet)); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestEncodeRefusesWhatThePeerWould(t *testing.T) {
	for name, m := range map[string]Message{
		"kind": {Kind: "dance"},
		"size": {Kind: KindStart, Start: &Start{Argv: []string{strings.Repeat("x", MaxSize)}}},
		"NUL":  {Kind: KindStart, Start: &Start{Argv: []string{"a\x00"}}},
		"fork": {Kind: KindStart, Start: &Start{Argv: []string{"a"}, Fork: true}},
	} {
		if _, err := Encode(m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestALongErrorTextIsCutAndNotLost(t *testing.T) {
	b, err := Encode(Message{Kind: KindReply, Seq: 1, Error: strings.Repeat("é", 1e5)})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := Decode(b); err != nil || m.Error == "" {
		t.Errorf("got %q, %v", m.Error, err)
	}
}

func TestAnyCommandReachesTheOtherSideAsItIs(t *testing.T) {
	word := rapid.StringMatching(`[^\x00]*`)
	rapid.Check(t, func(t *rapid.T) {
		s := Start{
			Argv: append([]string{"p"}, rapid.SliceOfN(word, 0, 8).Draw(t, "argv")...),
			Env:  append([]string{"A=b"}, rapid.SliceOfN(word, 0, 8).Draw(t, "env")...),
			Dir:  word.Draw(t, "dir"),
			UID:  rapid.IntRange(0, 1<<31).Draw(t, "uid"),
		}
		b, err := Encode(Message{Kind: KindStart, Start: &s})
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(b)
		if err != nil || !reflect.DeepEqual(*m.Start, s) {
			t.Fatalf("got %+v, %v; want %+v", m.Start, err, s)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		b, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(m)
		if err != nil {
			// Escapes may make what was accepted longer than a packet.
			if len(b) < MaxSize/8 {
				t.Fatalf("%q was accepted and cannot be said: %v", b, err)
			}
			return
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("%q was said and is not accepted: %v", again, err)
		}
	})
}

// What a program or an interpreter says of itself is cut and passed on as it is.
func TestWhatTheAgentSaysIsTakenByTheHost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3), func(b []byte) string { return string(b) + "ü" })
		text := func(name string) string {
			return strings.Repeat(word.Draw(t, name), rapid.IntRange(0, 3000).Draw(t, "times"))
		}
		for _, m := range []Message{
			{Kind: KindReply, Seq: 1, Error: text("error")},
			{Kind: KindExit, Exit: &Exit{Run: 1, Error: text("reason"), Extension: text("extension")}},
		} {
			b, err := Encode(m)
			if err != nil {
				t.Fatalf("%s: encoding: %v", m.Kind, err)
			}
			if _, err := Decode(b); err != nil {
				t.Fatalf("%s: decoding: %v", m.Kind, err)
			}
		}
	})
}
