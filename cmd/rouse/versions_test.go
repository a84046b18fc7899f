package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

func TestVersionsAreListedPointedAtAndReturnedTo(t *testing.T) {
	s := serve(t)
	s.deploy("f", "--env", "V=1")
	if out := s.must("publish", "f", "--description", "the first"); out != "f is version 1\n" {
		t.Errorf("publish: %q", out)
	}
	if out := s.must("publish", "f"); out != "f is version 1\n" {
		t.Errorf("publish again: %q", out)
	}
	s.deploy("f", "--env", "V=2")
	s.must("publish", "f")
	s.must("alias", "f", "live", "1", "--second", "2", "--weight", "0.25")
	out := s.must("versions", "f")
	for _, want := range []string{"$LATEST", "live (75%)", "live (25%)", "the first"} {
		if !strings.Contains(out, want) {
			t.Errorf("versions lacks %q:\n%s", want, out)
		}
	}
	var listed struct {
		Versions []rouse.Version                 `json:"versions"`
		Aliases  map[rouse.Qualifier]rouse.Alias `json:"aliases"`
	}
	if err := json.Unmarshal([]byte(s.must("versions", "f", "--json")), &listed); err != nil || len(listed.Versions) != 2 || listed.Aliases["live"].Second != 2 {
		t.Errorf("%+v, %v", listed, err)
	}
	if calls(t, s.must("invoke", "f", "--qualifier", "live")) != 1 {
		t.Error("the alias leads nowhere")
	}

	if out := s.must("rollback", "f"); !strings.HasPrefix(out, "f is what version 1 was: ") {
		t.Errorf("rollback: %q", out)
	}
	if out := s.must("publish", "f"); out != "f is version 3\n" {
		t.Errorf("publish after a roll-back: %q", out)
	}
	s.must("rollback", "f", "2")
	s.must("alias", "f", "live", "--remove")
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"rollback f 9":            {exitFailed, "no version 9"},
		"rollback f x":            {exitUsage, "must be a number"},
		"alias f live 9":          {exitFailed, "no version 9"},
		"alias f live":            {exitUsage, "either a version or --remove"},
		"alias f 7 1":             {exitUsage, "not only digits"},
		"publish nobody":          {exitFailed, "does not exist"},
		"versions a/b":            {exitUsage, "letters, digits"},
		"alias f live --remove":   {exitFailed, "no alias"},
		"alias f live 1 --weight": {exitUsage, "weight"},
	} {
		if r := s.rouse(strings.Fields(line)...); r.code != want.code || !strings.Contains(r.stderr, want.says) {
			t.Errorf("rouse %s: %d %s", line, r.code, r.stderr)
		}
	}
}
