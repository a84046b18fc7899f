package logs

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rousehq/rouse"
)

func TestLinesAreEncodedAsJSONIs(t *testing.T) {
	var e encoder
	check := func(t interface{ Errorf(string, ...any) }, l Line, texts ...string) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		for _, text := range texts {
			l.Text = text
			if err := enc.Encode(&l); err != nil {
				t.Errorf("%v", err)
			}
		}
		if got := e.encode(l, texts); string(got) != want.String() {
			t.Errorf("got  %s\nwant %s", got, want.Bytes())
		}
	}
	line := Line{Time: time.Date(2026, 11, 22, 3, 4, 5, 600, time.UTC), Stream: Stdout, Instance: "i", Revision: "r"}
	check(t, line, "plain", "", "a\tb \"c\" \\d\\", "é <&>", "\x00\x1f\x7f", "half \xff", "\u2028", "line\r")
	rapid.Check(t, func(t *rapid.T) {
		l := line
		l.Time = time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 1e9).Draw(t, "nanoseconds")).UTC()
		l.RequestID = rapid.String().Draw(t, "request")
		l.Revision = rouse.RevisionID(rapid.String().Draw(t, "revision"))
		texts := rapid.SliceOf(rapid.Custom(func(t *rapid.T) string {
			if rapid.Bool().Draw(t, "text") {
				return rapid.StringOf(rapid.RuneFrom([]rune("ab\t\"\\\n\x01é\u2029"))).Draw(t, "text")
			}
			return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		})).Draw(t, "texts")
		check(t, l, texts...)
	})
}
