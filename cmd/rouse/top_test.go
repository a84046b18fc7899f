package main

import "testing"

func TestTopShowsTheBeginningOfWhatDoesNotFit(t *testing.T) {
	const text = "head\n\na 12345\nb 12345\nc ü€345\n"
	for _, c := range []struct {
		rows, columns int
		want          string
	}{
		{0, 0, text}, {24, 80, text}, {7, 7, text},
		{6, 80, "head\n\na 12345\nb 12345\n… and 1 more\n"},
		{5, 4, "head\n\na 12\n… an\n"},
		{0, 4, "head\n\na 12\nb 12\nc ü€\n"},
		{1, 0, "head\n… and 4 more\n"},
	} {
		if got := fit(text, c.rows, c.columns); got != c.want {
			t.Errorf("in %d by %d:\n%q, want\n%q", c.rows, c.columns, got, c.want)
		}
	}
}
