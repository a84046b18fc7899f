package option

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/rousehq/rouse"
)

type sample struct {
	Name     string            `yaml:"name" doc:"a name" short:"n"`
	Memory   *rouse.Bytes      `yaml:"memory" doc:"how much"`
	Idle     rouse.Duration    `yaml:"idle"`
	Most     *int              `yaml:"max_instances"`
	Share    float64           `yaml:"share"`
	Network  string            `yaml:"network" enum:"none,egress"`
	Env      map[string]string `yaml:"env"`
	Files    []string          `yaml:"env_file"`
	Insecure bool              `yaml:"insecure"`
	ignored  int               //lint:ignore U1000 what is not exported is not an option
}

func load(t *testing.T, text string) (sample, error) {
	t.Helper()
	var s sample
	n, err := Parse("f.yaml", []byte(text))
	if err == nil {
		err = n.Into(&s)
	}
	return s, err
}

func TestYAMLReadsWhatFlagsRead(t *testing.T) {
	s, err := load(t, `
# a comment
name: 1.10
memory: 1GB
idle: 90
max_instances: 0
share: 0.5
network: egress
env: {A: 1.50, B: true, C: "x y", D: }
env_file: [a, b]
insecure: true
`)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "1.10" || *s.Memory != rouse.GB || s.Idle.String() != "1m30s" || *s.Most != 0 || s.Share != 0.5 || s.Network != "egress" || !s.Insecure {
		t.Errorf("%+v", s)
	}
	if s.Env["A"] != "1.50" || s.Env["B"] != "true" || s.Env["C"] != "x y" || s.Env["D"] != "" || len(s.Env) != 4 || strings.Join(s.Files, " ") != "a b" {
		t.Errorf("%+v", s)
	}

	var flagged sample
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(fs, &flagged, &sample{Idle: rouse.Duration(300e9)})
	err = fs.Parse([]string{"-n", "x", "--memory", "1GB", "--max-instances=0", "--env", "A=1", "--env", "B=2=3", "--env-file", "a", "--env-file", "b", "--insecure", "--network", "none"})
	if err != nil {
		t.Fatal(err)
	}
	if flagged.Name != "x" || *flagged.Memory != rouse.GB || *flagged.Most != 0 || flagged.Env["B"] != "2=3" || len(flagged.Files) != 2 || !flagged.Insecure {
		t.Errorf("%+v", flagged)
	}
	if usage := fs.FlagUsages(); !strings.Contains(usage, "(default 5m)") || !strings.Contains(usage, "none|egress") {
		t.Errorf("usage:\n%s", usage)
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	n, err := Parse("f.yaml", []byte("x-base: &base\n  memory: 1GB\n  name: base\n  env_file: [a]\none:\n  name: mine\n  env_file: b\n  <<: *base\n"))
	if err != nil {
		t.Fatal(err)
	}
	var s sample
	err = n.Map(func(key string, _, value Node) error {
		if key != "one" {
			return nil
		}
		return value.Into(&s)
	})
	if err != nil || s.Name != "mine" || *s.Memory != rouse.GB || strings.Join(s.Files, " ") != "b" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"name: x\nmemroy: 1\n":    `f.yaml:2:1: unknown key "memroy"; did you mean "memory"?`,
		"zzz: 1\n":                `f.yaml:1:1: unknown key "zzz"; known are name, memory, idle, max_instances, share, network, env, env_file or insecure`,
		"memory: lots\n":          `f.yaml:1:9: memory: size "lots": write it like 512MB or 2GB`,
		"max_instances: 1.5\n":    `f.yaml:1:16: max_instances: "1.5": must be a whole number`,
		"network: host\n":         `f.yaml:1:10: network: "host": must be none or egress`,
		"insecure: perhaps\n":     `f.yaml:1:11: insecure: "perhaps": must be true or false`,
		"name: [a]\n":             `f.yaml:1:7: name: must be one value, not a list`,
		"name: {a: b}\n":          `name: must be one value, not a mapping`,
		"env: A=1\n":              `f.yaml:1:6: env: must be a mapping of keys to values`,
		"env: [A=1]\n":            `f.yaml:1:6: env: must be a mapping of keys to values, like {KEY: value}`,
		"env: {A: [1]}\n":         `env: values must be plain`,
		"env_file: [{a: b}]\n":    `env_file: items must be plain values`,
		"- a\n":                   `f.yaml:1:1: must be a mapping of keys to values`,
		"just words\n":            `f.yaml:1:1: must be a mapping of keys to values`,
		"name: a\nname: b\n":      `f.yaml:2:1:`,
		"name: [\n":               `f.yaml:1:7:`,
		"name: *nobody\n":         `nobody`,
		"name: a\n---\nname: b\n": `a second document`,
		"name: &a\n  b: *a\n":     `f.yaml:`,
		"<<: &x {<<: *x}":         `alias "x" leads to itself`,
		"ignored: 1\n":            `unknown key "ignored"`,
	} {
		_, err := load(t, text)
		if err == nil || rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestAnyValueIsJSON(t *testing.T) {
	for text, want := range map[string]string{
		"{a: 1, b: [x, 2.5, true, null, '3'], c: {d: <&>}}": `{"a":1,"b":["x",2.5,true,null,"3"],"c":{"d":"<&>"}}`,
		"- a\n- |\n  two\n  lines\n":                        `["a","two\nlines\n"]`,
		"18446744073709551615":                              `18446744073709551615`,
		"\"text\"":                                          `"text"`,
		"":                                                  `null`,
		"base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\nagain: *b\n": `{"again":{"x":1,"y":2},"base":{"x":1,"y":2},"mine":{"x":1,"y":3}}`,
	} {
		n, err := Parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := n.JSON(); err != nil || string(b) != want {
			t.Errorf("%s: %s, %v", text, b, err)
		}
	}
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += strings.ReplaceAll(string(c)+": &"+string(c)+" [*-, *-, *-, *-, *-, *-, *-, *-, *-, *-]\n", "-", string(c-1))
	}
	for text, want := range map[string]string{bomb: "more than 10000 values", "a: .inf": "f.yaml:1:4: cannot be written as JSON", "a: &a [*a]": `alias "a" leads to itself`} {
		n, err := Parse("f.yaml", []byte(text))
		if err == nil {
			_, err = n.JSON()
		}
		if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v", text, err)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add("name: x\nenv: {A: 1}\n")
	f.Add("a: &a [*a]\n<<: *a\n")
	f.Add("<<: &x {<<: *x}")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := load(t, text); err != nil && rouse.CodeOf(err) != rouse.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	})
}
