package rouse

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDurationsAreReadInEveryFormThatPeopleWrite(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`"30s"`: 30 * time.Second, `"1m30s"`: 90 * time.Second, `"5"`: 5 * time.Second,
		`5`: 5 * time.Second, `0.25`: 250 * time.Millisecond, `"250ms"`: 250 * time.Millisecond,
	} {
		var d Duration
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.D() != want {
			t.Errorf("%s: %v, %v; want %v", text, d, err, want)
		}
	}
	for _, text := range []string{`"soon"`, `""`, `"5 parsecs"`, `1e300`, `"NaN"`, `{}`} {
		var d Duration
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s was read as %v", text, d)
		}
	}
}

func TestSizesAreReadInEveryFormThatPeopleWrite(t *testing.T) {
	for text, want := range map[string]Bytes{
		`"512MB"`: 512 * MB, `"512MiB"`: 512 * MB, `"512m"`: 512 * MB, `"1.5GB"`: 1536 * MB,
		`"64K"`: 64 * KB, `"10"`: 10, `"10B"`: 10, `1048576`: MB, `" 2 GB "`: 2 * GB,
	} {
		var b Bytes
		if err := json.Unmarshal([]byte(text), &b); err != nil || b != want {
			t.Errorf("%s: %v, %v; want %v", text, b, err, want)
		}
	}
	for _, text := range []string{`"big"`, `""`, `"MB"`, `"1e300GB"`, `"NaN"`, `[]`} {
		var b Bytes
		if err := json.Unmarshal([]byte(text), &b); err == nil {
			t.Errorf("%s was read as %v", text, b)
		}
	}
}

func TestUnitsSurviveARoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Bytes(rapid.Int64Range(0, 1<<50).Draw(t, "bytes"))
		d := Duration(rapid.Int64Range(0, 1<<60).Draw(t, "duration"))
		var gotB Bytes
		var gotD Duration
		if err := gotB.Set(b.String()); err != nil || gotB != b {
			t.Fatalf("%d became %d, %v", b, gotB, err)
		}
		if err := gotD.Set(d.String()); err != nil || gotD != d {
			t.Fatalf("%d became %d, %v", d, gotD, err)
		}
	})
}
