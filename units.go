package rouse

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as "1m30s" in JSON and YAML.
// A bare number is read as seconds.
type Duration time.Duration

// D is the duration as the time package knows it.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Set makes *Duration a command-line flag's value.
func (d *Duration) Set(s string) error { return d.UnmarshalText([]byte(s)) }

// Type is the word that help texts show for the value.
func (d *Duration) Type() string { return "duration" }

// MarshalText writes the form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "90s", "1m30s" or a bare number of seconds.
func (d *Duration) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if n, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(n) < math.MaxInt64/float64(time.Second) {
		*d = Duration(n * float64(time.Second))
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return Errorf(Invalid, "duration %q: write it like 30s, 5m or 1h30m", Clip(s))
	}
	*d = Duration(v)
	return nil
}

// UnmarshalJSON reads a string as UnmarshalText does, or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error { return unmarshalUnit(b, d.UnmarshalText) }

// Bytes is a size that is written as "512MB" in JSON and YAML. As on AWS, 1 MB
// is 1024 KB; "MB" and "MiB" mean the same. A bare number is read as bytes.
type Bytes int64

// The sizes that configuration speaks of.
const (
	KB Bytes = 1 << 10
	MB Bytes = 1 << 20
	GB Bytes = 1 << 30
)

func (b Bytes) String() string {
	for _, unit := range []struct {
		size Bytes
		name string
	}{{GB, "GB"}, {MB, "MB"}, {KB, "KB"}} {
		if b != 0 && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// unitless is what a message adds about a number that was perhaps meant in
// megabytes, as AWS counts memory.
func (b Bytes) unitless() string {
	if b <= 0 || b >= 16*KB {
		return ""
	}
	return fmt.Sprintf("; a bare number is bytes, so perhaps %dMB", b)
}

// Set makes *Bytes a command-line flag's value.
func (b *Bytes) Set(s string) error { return b.UnmarshalText([]byte(s)) }

// Type is the word that help texts show for the value.
func (b *Bytes) Type() string { return "size" }

// MarshalText writes the form that UnmarshalText reads.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads "512MB", "1.5GB", "64k" or a bare number of bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	number, unit := s, Bytes(1)
	trimmed := strings.TrimSuffix(strings.TrimSuffix(s, "B"), "I")
	for suffix, size := range map[string]Bytes{"K": KB, "M": MB, "G": GB} {
		if rest, ok := strings.CutSuffix(trimmed, suffix); ok {
			number, unit = strings.TrimSpace(rest), size
		}
	}
	if unit == 1 {
		number = strings.TrimSpace(strings.TrimSuffix(s, "B"))
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n*float64(unit)) > math.MaxInt64/2 {
		return Errorf(Invalid, "size %q: write it like 512MB or 2GB", Clip(string(text)))
	}
	*b = Bytes(n * float64(unit))
	return nil
}

// UnmarshalJSON reads a string as UnmarshalText does, or a number of bytes.
func (b *Bytes) UnmarshalJSON(data []byte) error { return unmarshalUnit(data, b.UnmarshalText) }

func unmarshalUnit(b []byte, text func([]byte) error) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("reading a unit: %w", err)
		}
		return text([]byte(s))
	}
	return text(b)
}
