package when

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCountingAgreesWithWalking(t *testing.T) {
	texts := []string{
		"rate(7 minutes)", "rate(1 day)", "at(2026-03-29T03:30:00)", "cron(* * * * ? *)", "cron(*/7 * * * ? *)", "cron(30 1-3 * * ? *)", "cron(0 0 * * ? *)",
		"cron(15,45 23,0 L * ? *)", "cron(5 2 ? * MON-FRI *)", "cron(0 3 15W 3,4,10,11 ? *)", "cron(10 4 ? * SUN#2 2026)", "30 */2 13 * 5",
	}
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Antarctica/Troll", "Asia/Kathmandu"}
	froms := []string{"2026-03-20T00:00:00Z", "2026-10-15T00:00:00Z", "2011-12-20T00:00:00Z", "2018-02-10T00:00:00Z", "2018-10-28T00:00:00Z"}
	rapid.Check(t, func(t *rapid.T) {
		name, text := rapid.SampledFrom(zones).Draw(t, "zone"), rapid.SampledFrom(texts).Draw(t, "text")
		zone, err := Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Parse(text, zone)
		if err != nil {
			t.Fatal(err)
		}
		from, _ := time.Parse(time.RFC3339, rapid.SampledFrom(froms).Draw(t, "from"))
		after := from.Add(time.Duration(rapid.Int64Range(0, 14*24*3600).Draw(t, "after")) * time.Second)
		until := after.Add(time.Duration(rapid.Int64Range(-10, 20*24*3600).Draw(t, "long")) * time.Second)
		anchor := from.Add(time.Duration(rapid.Int64Range(0, 24*3600).Draw(t, "anchor")) * time.Second)
		want := 0
		for at := e.Next(after, anchor); !at.IsZero() && !at.After(until); at = e.Next(at, anchor) {
			want++
		}
		if got := e.Count(after, until, anchor); got != want {
			t.Fatalf("%s in %s is due %d times after %s until %s, and %d are counted", text, name, want, after, until, got)
		}
	})
}
