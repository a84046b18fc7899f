package rouse

import (
	"strings"
	"testing"
)

func TestNamesThatAreRefused(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "../etc", "a/b", "a\\b", "a b", "a\x00", "naïve", "аdmin" /* Cyrillic а */, "a:b:c",
		strings.Repeat("x", 65), "%2e%2e", "a\n", "$LATEST",
	} {
		if ref, err := ParseRef(name); err == nil {
			t.Errorf("%q was read as %v", name, ref)
		} else if CodeOf(err) != Invalid || len(err.Error()) > 300 {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRefsAreReadWithAndWithoutQualifier(t *testing.T) {
	for text, want := range map[string]Ref{
		"hello":         {"hello", Latest},
		"hello:$LATEST": {"hello", Latest},
		"hello:7":       {"hello", "7"},
		"a-b_C9:live":   {"a-b_C9", "live"},
	} {
		if got, err := ParseRef(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestAliasCannotBeMistakenForAVersion(t *testing.T) {
	for _, alias := range []string{"", "7", "0012", "$LATEST", "a b"} {
		if _, err := ParseAlias(alias); err == nil {
			t.Errorf("alias %q was accepted", alias)
		}
	}
	if _, err := ParseAlias("live-2"); err != nil {
		t.Error(err)
	}
}
