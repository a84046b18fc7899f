package rouse

import "testing"

func TestClippedTextKeepsItsCharactersWhole(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"", 0, ""},
		{"short", 5, "short"},
		{"longer", 5, "longe…"},
		{"naïve", 3, "na…"},
		{"naïve", 4, "naï…"},
		{"日本", 2, "…"},
		{"\x80\x80\x80", 1, "…"},
	} {
		if got := ClipTo(test.text, test.most); got != test.want {
			t.Errorf("of %q %d bytes are %q, want %q", test.text, test.most, got, test.want)
		}
	}
}
