package when

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// field is a cron field made of a list of values, which is all that the oracle
// looks at, and one of the ways to write it.
type field struct {
	text   string
	values []int
}

func drawField(t *rapid.T, name string, low, high int) field {
	switch rapid.IntRange(0, 3).Draw(t, name+" form") {
	case 0:
		return field{"*", span(low, high, 1)}
	case 1:
		step := rapid.IntRange(1, max(1, min(high, (high-low)/2))).Draw(t, name+" step")
		return field{fmt.Sprintf("*/%d", step), span(low, high, step)}
	case 2:
		a := rapid.IntRange(low, high).Draw(t, name+" from")
		b := rapid.IntRange(a, high).Draw(t, name+" to")
		return field{fmt.Sprintf("%d-%d", a, b), span(a, b, 1)}
	}
	values := rapid.SliceOfN(rapid.IntRange(low, high), 1, 4).Draw(t, name)
	var words []string
	for _, v := range values {
		words = append(words, fmt.Sprint(v))
	}
	return field{strings.Join(words, ","), values}
}

func span(from, to, step int) (values []int) {
	for n := from; n <= to; n += step {
		values = append(values, n)
	}
	return values
}

// oracle looks at every minute, and remembers what clocks have shown.
func oracle(after time.Time, limit int, hours []int, due func(time.Time) bool) time.Time {
	every := true
	for h := range 24 {
		every = every && slices.Contains(hours, h)
	}
	seen := map[string]bool{}
	for t := after.Add(-26 * time.Hour).Truncate(time.Minute); limit > 0; t = t.Add(time.Minute) {
		wall := t.Format("2006-01-02 15:04")
		again := seen[wall]
		seen[wall] = true
		if !t.After(after) {
			continue
		}
		if limit--; due(t) && (every || !again) {
			return t
		}
	}
	return time.Time{}
}

func TestCronAgreesWithAnOracleThatLooksAtEveryMinute(t *testing.T) {
	// Around these moments clocks are set, in ways that differ.
	around := map[string]string{
		"Europe/Berlin": "2026-03-29T01:00:00Z", "America/New_York": "2026-11-01T06:00:00Z", "Australia/Lord_Howe": "2026-04-04T15:00:00Z",
		"America/St_Johns": "2010-11-07T02:31:00Z", "America/Asuncion": "2023-10-01T04:00:00Z", "Pacific/Apia": "2011-12-30T10:00:00Z",
		"America/Sao_Paulo": "2018-02-18T02:00:00Z", "Antarctica/Troll": "2026-10-25T01:00:00Z", "Asia/Kathmandu": "2026-01-01T00:00:00Z", "UTC": "2028-02-28T00:00:00Z",
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range around {
			if !yield(name) {
				return
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		z, err := Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		change, _ := time.Parse(time.RFC3339, around[name])
		after := change.Add(time.Duration(rapid.IntRange(-36*3600, 12*3600).Draw(t, "after")) * time.Second).In(z)
		mi, h := drawField(t, "minute", 0, 59), drawField(t, "hour", 0, 23)
		d, m, w := drawField(t, "day", 1, 31), drawField(t, "month", 1, 12), drawField(t, "week", 1, 7)
		form := rapid.SampledFrom([]string{"aws day", "aws week", "five"}).Draw(t, "form")
		text := fmt.Sprintf("cron(%s %s %s %s ? *)", mi.text, h.text, d.text, m.text)
		isDay := func(t time.Time) bool { return slices.Contains(d.values, t.Day()) }
		switch form {
		case "aws week":
			text = fmt.Sprintf("cron(%s %s ? %s %s *)", mi.text, h.text, m.text, w.text)
			isDay = func(t time.Time) bool { return slices.Contains(w.values, int(t.Weekday())+1) }
		case "five":
			text = fmt.Sprintf("%s %s %s %s %s", mi.text, h.text, d.text, m.text, w.text)
			isDay = func(t time.Time) bool {
				day, week := slices.Contains(d.values, t.Day()), slices.Contains(w.values, int(t.Weekday())) || t.Weekday() == 0 && slices.Contains(w.values, 7)
				if d.text[0] != '*' && w.text[0] != '*' {
					return day || week
				}
				return day && (week || w.text == "*")
			}
			if strings.HasPrefix(w.text, "*/") {
				t.Skip("steps count from another day in five fields")
			}
		}
		due := func(t time.Time) bool {
			return slices.Contains(mi.values, t.Minute()) && slices.Contains(h.values, t.Hour()) && slices.Contains(m.values, int(t.Month())) && isDay(t)
		}
		e, err := Parse(text, z)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		const week = 7 * 24 * 60
		got, want := e.Next(after, after), oracle(after, week, h.values, due)
		if want.IsZero() {
			if !got.IsZero() && got.Sub(after) < week*time.Minute {
				t.Fatalf("%s after %s: %s, but nothing is due within a week", text, after, got.In(z))
			}
			return
		}
		if !got.Equal(want) {
			t.Fatalf("%s after %s: %s, want %s", text, after, got.In(z), want)
		}
	})
}

func TestARateKeepsItsBeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.IntRange(1, 1000).Draw(t, "every")
		e, err := Parse(fmt.Sprintf("rate(%d seconds)", every), time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		anchor := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		after := anchor.Add(time.Duration(rapid.Int64Range(-1e12, 1e15).Draw(t, "after")))
		next := e.Next(after, anchor)
		period := time.Duration(every) * time.Second
		if !next.After(after) || !next.After(anchor) || next.Sub(anchor)%period != 0 || next.Sub(anchor) > period && next.Sub(after) > period {
			t.Fatalf("rate(%d seconds) from %s after %s: %s", every, anchor, after, next)
		}
	})
}
