package rouse_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	noSlug  = regexp.MustCompile(`[^\pL\pN _-]`)
)

func TestLinksInTheDocsLeadSomewhere(t *testing.T) {
	for name, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := name
			if target != "" {
				path = filepath.Join(filepath.Dir(name), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s: %v", name, match[1], err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, path)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, match[1])
			}
		}
	}
}

// anchors are the names by which headings are linked to.
func anchors(text string) []string {
	var names []string
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		name := noSlug.ReplaceAllString(strings.ToLower(match[1]), "")
		names = append(names, strings.ReplaceAll(strings.TrimSpace(name), " ", "-"))
	}
	return names
}

func TestCommandsInTheDocsExist(t *testing.T) {
	known := manual(t)
	checked := 0
	for name, text := range documents(t) {
		for _, line := range shell(text) {
			if flag, ok := strings.CutPrefix(line, "--"); ok {
				checkFlag(t, name, known, "--"+flag)
			}
			for _, words := range commands(line) {
				i := slices.IndexFunc(words, func(w string) bool { return w == "rouse" || strings.HasSuffix(w, "bin/rouse") })
				if i < 0 || i+1 == len(words) || !commandName.MatchString(words[i+1]) {
					continue
				}
				checked++
				checkCommand(t, name, known, words[i+1:])
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d commands were found: the docs are not understood", checked)
	}

	functions := read(t, "docs/functions.md")
	for _, flag := range known["deploy"] {
		if strings.HasPrefix(flag, "--") && !slices.Contains([]string{"--help", "--server", "--file", "--wait"}, flag) &&
			!strings.Contains(functions, "`"+flag+"`") && !strings.Contains(functions, flag+" ") {
			t.Errorf("docs/functions.md does not explain %s", flag)
		}
	}
}

func checkCommand(t *testing.T, document string, known map[string][]string, words []string) {
	flags, ok := known[words[0]]
	if !ok {
		t.Errorf("%s: there is no command rouse %s", document, words[0])
		return
	}
	for _, word := range words[1:] {
		flag, _, _ := strings.Cut(word, "=")
		if len(flag) > 1 && flag[0] == '-' && !slices.Contains(flags, flag) {
			t.Errorf("%s: rouse %s has no flag %s", document, words[0], flag)
		}
	}
}

// checkFlag checks a flag that stands alone in a text: some command has it.
func checkFlag(t *testing.T, document string, known map[string][]string, text string) {
	const ofSAM = "--warm-containers"
	flag := regexp.MustCompile(`^--[a-z-]+`).FindString(text)
	for _, flags := range known {
		if flag == ofSAM || slices.Contains(flags, flag) {
			return
		}
	}
	t.Errorf("%s: no command has the flag %s", document, flag)
}

func TestMakeTargetsInTheDocsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for name, text := range documents(t) {
		for _, line := range shell(text) {
			for _, words := range commands(line) {
				if len(words) < 2 || words[0] != "make" {
					continue
				}
				for _, target := range words[1:] {
					if !commandName.MatchString(strings.ReplaceAll(target, "-", "")) {
						break // a comment, or arguments
					}
					if !strings.Contains(makefile, "\n"+target+":") {
						t.Errorf("%s: there is no make target %s", name, target)
					}
					if line != strings.Join(words, " ") {
						break // words that explain it follow
					}
				}
			}
		}
	}
}

var metricName = regexp.MustCompile(`rouse_[a-z_]+[a-z]`)

func TestMetricsAndTheirDocsAgree(t *testing.T) {
	var exist []string
	files, err := filepath.Glob("gateway/metrics/*.go")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile(`"(rouse_[a-z_]+)"`)
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			for _, match := range quoted.FindAllStringSubmatch(read(t, file), -1) {
				exist = append(exist, match[1])
			}
		}
	}
	operations := read(t, "docs/operations.md")
	for _, metric := range exist {
		if !strings.Contains(operations, "`"+metric+"`") {
			t.Errorf("docs/operations.md does not explain %s", metric)
		}
	}
	for name, text := range documents(t) {
		for _, metric := range metricName.FindAllString(text, -1) {
			if !slices.Contains(exist, strings.TrimSuffix(metric, "_bucket")) {
				t.Errorf("%s: there is no metric %s", name, metric)
			}
		}
	}
}

func TestErrorCodesAndTheirDocsAgree(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d+) \\|")
	said := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(read(t, "docs/http.md"), -1) {
		said[match[1]] = match[2]
	}
	declared := regexp.MustCompile(`Code += "([a-z_]+)"`).FindAllStringSubmatch(read(t, "errors.go"), -1)
	if len(declared) == 0 || len(declared) != len(said) {
		t.Errorf("docs/http.md has %d codes of %d", len(said), len(declared))
	}
	for _, match := range declared {
		if want := strconv.Itoa(gateway.Status(rouse.Code(match[1]))); said[match[1]] != want {
			t.Errorf("docs/http.md says %q of %s, which is %s", said[match[1]], match[1], want)
		}
	}
}

func TestDefaultsOfSettingsInTheDocsHold(t *testing.T) {
	s := rouse.DefaultSettings()
	for flag, want := range map[string]string{
		"idle": s.Idle.String(), "concurrency": strconv.Itoa(s.Concurrency), "max-instances": strconv.Itoa(s.MaxInstances),
		"provisioned": strconv.Itoa(s.Provisioned), "queue": strconv.Itoa(s.Queue), "queue-bytes": s.QueueBytes.String(),
		"hold": s.Hold.String(),
	} {
		if row := "| `--" + flag + "` | " + want + " |"; !strings.Contains(read(t, "docs/functions.md"), row) {
			t.Errorf("docs/functions.md has no row %q", row)
		}
	}
}
