package rawjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

var documents = []string{
	``, ` `, `{}`, `[]`, `{"a":1}`, ` { "a" : [ 1 , true , false , null , "x" ] } `, `"\u00e4\n\"\\\/"`,
	`-0`, `01`, `-`, `1.`, `.5`, `1e`, `1e+5`, `1E-05`, `0.10`, `1.5e3x`, `[1,]`, `{"a":1,}`, `{"a"}`, `{a:1}`,
	`[`, `{`, `{"a":`, `"`, `"\`, `"\u12`, `"\x"`, "\"\x01\"", `tru`, `nul`, `{}{}`, `[]]`, "\"\xff\"", "\u00a0{}", `{"a":{"b":[{}]}}`,
	strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
	strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
	strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth),
	strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1),
}

func TestValidAgreesWithEncodingJSON(t *testing.T) {
	for _, d := range documents {
		if got, want := Valid([]byte(d)), json.Valid([]byte(d)); got != want {
			t.Errorf("%.60q: %t, want %t", d, got, want)
		}
	}
}

func FuzzValidAgreesWithEncodingJSON(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := Valid(b), json.Valid(b); got != want {
			t.Errorf("%q: %t, want %t", b, got, want)
		}
	})
}

func BenchmarkValid(b *testing.B) {
	document := []byte(`{"body":"` + strings.Repeat("x", 1024) + `","headers":{` + strings.Repeat(`"accept":"text/html",`, 30) + `"a":1}}`)
	for name, f := range map[string]func([]byte) bool{"own": Valid, "encoding/json": json.Valid} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				f(bytes.Clone(document))
			}
		})
	}
}
