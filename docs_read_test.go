package rouse_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the texts that the project publishes: name → content.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/README.md", "controller/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s matches nothing, %v", pattern, err)
		}
		for _, file := range files {
			found[file] = read(t, file)
		}
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shell are the code blocks and spans of a text that may hold commands.
func shell(text string) []string {
	var lines []string
	fenced, skipped := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch language, fence := strings.CutPrefix(strings.TrimSpace(line), "```"); {
		case fence:
			fenced = !fenced
			skipped = fenced && !slices.Contains([]string{"", "sh", "console"}, language)
		case skipped:
		case fenced, strings.HasPrefix(line, "    "):
			lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), "$ "))
		default:
			for i, span := range strings.Split(line, "`") {
				if i%2 == 1 {
					lines = append(lines, span)
				}
			}
		}
	}
	return lines
}

// commands splits a line as a shell does, at pipes and the like, into words.
func commands(line string) (list [][]string) {
	var words []string
	var word strings.Builder
	quote, begun := rune(0), false
	flush := func() {
		if begun {
			words = append(words, word.String())
			word.Reset()
			begun = false
		}
	}
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
				continue
			}
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ':
			flush()
		case r == '|' || r == '&' || r == ';':
			flush()
			list, words = append(list, words), nil
		case r == '#' && !begun:
			return append(list, words)
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	flush()
	return append(list, words)
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+) {2,}\S`)
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[a-z-]+)`)
	commandName = regexp.MustCompile(`^[a-z]+$`)
)

// manual is what the program says of itself: command → flags.
func manual(t *testing.T) map[string][]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "rouse")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/rouse")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building rouse: %v\n%s", err, out)
	}
	help := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), program, append([]string{"help"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rouse help %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	known := map[string][]string{}
	for _, match := range helpCommand.FindAllStringSubmatch(help(), -1) {
		texts := []string{help(match[1])}
		for _, sub := range helpCommand.FindAllStringSubmatch(texts[0], -1) {
			texts = append(texts, help(match[1], sub[1]))
		}
		for _, text := range texts {
			for _, flag := range helpFlag.FindAllStringSubmatch(text, -1) {
				known[match[1]] = append(known[match[1]], flag[1:]...)
			}
		}
	}
	if len(known) < 5 || !slices.Contains(known["serve"], "--data") {
		t.Fatalf("the help was not understood: %v", known)
	}
	return known
}
