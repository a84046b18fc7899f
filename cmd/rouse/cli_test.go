package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/option"
)

func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rouse.yaml")
	write(t, file, "functions:\n  a: {image: x}\n")
	for line, want := range map[string]string{
		"depoy":      `unknown command "depoy"; did you mean rouse deploy?`,
		"frobnicate": `unknown command "frobnicate"; rouse has alias, `,
		"jobs lst":   `unknown command "lst"; did you mean rouse jobs ls?`,
		"keys x":     `unknown command "x"; rouse keys has create, ls, list, rm`,
		"schedules create a b --when @daily --start x": `--start "x": write it like`,
		"deploy":                              "takes one NAME",
		"deploy a b --image x":                "takes one NAME",
		"deploy ../a --image x":               `name "../a"`,
		"deploy a":                            "nothing to deploy",
		"deploy a --memroy 1GB":               "did you mean --memory?",
		"deploy a --image x --memory lots":    `size "lots": write it like 512MB or 2GB`,
		"deploy a --image x --network host":   "must be none or egress",
		"deploy a --image x --code y":         "exclude one another",
		"deploy a --code y":                   "runtime: missing",
		"deploy a --image x --wait --no-wait": "none of the others can be",
		"deploy -f " + file + " b":            `declares no function "b"`,
		"deploy -f " + file + " --memory 1GB": "takes everything from the file",
		"invoke":                              "rouse: invoke takes NAME[:QUALIFIER] [-d DATA]; it was given nothing",
		"invoke a:1 --qualifier 2":            "has a qualifier already",
		"invoke a/b":                          `name "a/b"`,
		"invoke a --server ftp://x":           `server "ftp://x"`,
		"logs a --tail -1":                    "must not be negative",
		"scale a --reserved 1 --no-reserved":  "none of the others can be",
		"scale a --queue many":                "must be a whole number",
		"scale a --memory 1GB":                "unknown flag --memory; it belongs to the code: rouse deploy takes it",
		"scale a --idel 1m":                   "unknown flag --idel; did you mean --idle?",
		"ps a/b":                              `name "a/b"`,
		"top --every 1ms":                     "at least 50ms",
		"rm":                                  "rouse: rm takes NAME...; it was given nothing",
		"ls x":                                "rouse: ls takes no arguments; it was given x",
		"serve --listen 0.0.0.0:80":           "give --insecure",
		"serve --listen :80":                  "give --insecure",
		"serve --listen nowhere":              "write it like 127.0.0.1:8080",
		"serve --driver podman":               "must be auto, docker or process",
		"serve --memory-budget 1MB":           "memory_budget 1MB: must be at least 16MB",
		"serve --max-event 1GB":               "must be 1KB to 64MB",
		"serve --config /nowhere/config.yaml": "/nowhere/config.yaml",
		"serve --drain-timeout -1s":           "must not be negative",
	} {
		r := command(t, nil, strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) || r.stdout != "" {
			t.Errorf("rouse %s: %+v, want exit code 2 and %q", line, r, want)
		}
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	a := &app{getenv: func(string) (string, bool) { return "", false }}
	for _, cmd := range a.root().Commands() {
		if cmd.Example == "" || cmd.Short == "" {
			t.Errorf("rouse %s: example %q, summary %q", cmd.Name(), cmd.Example, cmd.Short)
		}
		r := command(t, nil, cmd.Name(), "--help")
		if r.code != exitDone || !strings.Contains(r.stdout, cmd.Example) {
			t.Errorf("rouse %s --help: %+v", cmd.Name(), r)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if r := command(t, nil, "completion", shell); r.code != exitDone || !strings.Contains(r.stdout, "rouse") {
			t.Errorf("completion %s: %+v", shell, r)
		}
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	r := command(t, map[string]string{"ROUSE_SERVER": "127.0.0.1:1"}, "ls")
	if r.code != exitFailed || !strings.Contains(r.stderr, "no server answers at http://127.0.0.1:1") || !strings.Contains(r.stderr, "rouse serve") {
		t.Errorf("%+v", r)
	}
}

func TestListingsOfNothingSaySo(t *testing.T) {
	s := serve(t)
	for _, line := range []string{"ls", "ps", "jobs ls", "schedules ls", "url ls", "keys ls"} {
		if r := s.rouse(strings.Fields(line)...); r.code != exitDone || r.stdout != "" || r.stderr == "" {
			t.Errorf("rouse %s: %+v, want words for people alone", line, r)
		}
		if r := s.rouse(append(strings.Fields(line), "--json")...); r.code != exitDone || r.stdout != "[]\n" {
			t.Errorf("rouse %s --json: %+v, want an empty list", line, r)
		}
	}
}

func TestAFailuresStackIsIndentedAsAWhole(t *testing.T) {
	for name, e := range map[string]*rouse.Error{
		"trace":  {Message: "bad", Trace: []string{"  File \"app.py\", line 3\n    raise x\n", "last\n"}},
		"detail": {Message: "bad", Detail: "  File \"app.py\", line 3\n    raise x\n\nlast\n", Trace: []string{"not shown"}},
	} {
		var stderr bytes.Buffer
		(&app{stderr: &stderr}).explain(e)
		if got := stderr.String(); strings.Contains(got, "not shown") || name == "trace" && strings.Contains(got, "\n    \n") || !strings.Contains(got, "\n        raise x\n") || !strings.HasSuffix(got, "\n    last\n") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestCommonFailuresComeWithWhatToDo(t *testing.T) {
	for _, e := range []*rouse.Error{
		{Type: "Runtime.ImportModuleError", Message: "Unable to import module 'app': No module named 'requests'"},
		{Message: "the process ended before it listened on $PORT: exit status 1", Detail: "/usr/bin/python3.11: No module named uvicorn"},
		{Detail: "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' imported from /var/task/server.mjs"},
		{Detail: "Error: Cannot find module 'lodash'"},
	} {
		if got := hint(e); !strings.Contains(got, "pip install") || !strings.Contains(got, "npm install") {
			t.Errorf("%+v: %q", e, got)
		}
	}
	for _, e := range []*rouse.Error{
		{Type: "URLError", Message: "<urlopen error [Errno -3] Temporary failure in name resolution>"},
		{Type: "Error", Message: "getaddrinfo EAI_AGAIN example.com"},
		{Message: "the process ended", Detail: "dial tcp: lookup example.com on 8.8.8.8:53: dial udp: connect: network is unreachable"},
	} {
		if got := hint(e); !strings.Contains(got, "--network egress") {
			t.Errorf("%+v: %q", e, got)
		}
	}
	// The server's own network is another matter.
	if got := hint(&rouse.Error{Code: rouse.StartFailed, Message: "image x: cannot be pulled: dial tcp: lookup r on 10.0.0.1:53: no such host"}); got != "" {
		t.Errorf("a hint that cannot help: %q", got)
	}
	if got := hint(&rouse.Error{Type: "Runtime.UserCodeSyntaxError", Message: "Syntax error in module 'app'"}); got != "" {
		t.Errorf("a hint that cannot help: %q", got)
	}
}

func TestServerMistakesArePassedOn(t *testing.T) {
	s := serve(t)
	for line, want := range map[string]string{
		"deploy f --code " + filepath.Join(built, "function.zip") + " --runtime python9": `runtime "python9"`,
		"deploy f --code " + built + "/nowhere --runtime provided":                       "code " + built + "/nowhere: no such file",
		"deploy f --code " + filepath.Join(built, agentName) + " --runtime provided":     "must be a folder or a .zip archive",
		"deploy f --code testdata --runtime provided":                                    "no file bootstrap",
		"deploy f --image nobody/nothing":                                                "cannot run images",
		"deploy f --model " + built:                                                      "is a folder",
		"deploy f --model nowhere.onnx":                                                  "model nowhere.onnx: no such file",
		"ps nobody":                                                                      `function "nobody" does not exist`,
		"url ls nobody":                                                                  `function "nobody" does not exist`,
		"jobs ls nobody":                                                                 `function "nobody" does not exist`,
		"deploy f --code x --runtime provided --env-file nowhere":                        "nowhere",
		"invoke nobody":                                                                  `function "nobody" does not exist`,
		"logs nobody":                                                                    `function "nobody" does not exist`,
		"scale nobody --queue 1":                                                         `function "nobody" does not exist`,
		"rm nobody":                                                                      `function "nobody" does not exist`,
		"deploy -f nowhere.yaml":                                                         "nowhere.yaml",
		"invoke nobody -d @nowhere":                                                      "nowhere",
	} {
		r := s.rouse(strings.Fields(line)...)
		if r.code == exitDone || !strings.Contains(r.stderr, want) {
			t.Errorf("rouse %s: %+v, want %q", line, r, want)
		}
	}
}

func effective(t *testing.T, env map[string]string, args ...string) (config, map[string]origin) {
	t.Helper()
	var flags configFlags
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.add(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, origins, err := flags.load(fs, func(key string) (string, bool) { v, ok := env[key]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return c, origins
}

func TestFlagsOutrankTheEnvironmentAndThatTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.yaml")
	write(t, file, "data: /file\nlisten: 127.0.0.1:1\nreconnect: 5m\ndomain: [a.example]\nmax_starts: 9\n")
	env := map[string]string{"ROUSE_CONFIG": file, "ROUSE_LISTEN": "127.0.0.1:2", "ROUSE_RECONNECT": "6m", "ROUSE_DOMAIN": "b.example, c.example"}
	c, origins := effective(t, env, "--listen", "127.0.0.1:3")
	if c.Data != "/file" || c.Listen != "127.0.0.1:3" || c.Reconnect.String() != "6m" || c.MaxStarts != 9 || !slices.Equal(c.Domain, []string{"b.example", "c.example"}) {
		t.Errorf("%+v", c)
	}
	want := map[string]origin{
		"data": origin(file), "listen": "--listen", "reconnect": "ROUSE_RECONNECT", "domain": "ROUSE_DOMAIN", "max_starts": origin(file),
	}
	if !maps.Equal(origins, want) {
		t.Errorf("origins %v, want %v", origins, want)
	}
}

func TestTheConfigurationCanBeUsedAsAFile(t *testing.T) {
	args := []string{"--data", "/x y/#z", "--listen", "127.0.0.1:0", "--domain", "a", "--domain", "b", "--insecure", "--slow-body", "90s", "--max-body", "5GB"}
	r := command(t, nil, append([]string{"config"}, args...)...)
	if r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	file := filepath.Join(t.TempDir(), "server.yaml")
	write(t, file, r.stdout)
	want, _ := effective(t, nil, args...)
	got, _ := effective(t, nil, "--config", file)
	a, b := option.Fields(&want), option.Fields(&got)
	for i := range a {
		if a[i].String() != b[i].String() {
			t.Errorf("%s: %q from its own output, want %q", a[i].Key, b[i], a[i])
		}
	}
}

func TestAConfigurationFilesMistakesAreNamedWithTheirPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.yaml")
	write(t, file, "data: /x\nlisen: 127.0.0.1:1\n")
	r := command(t, nil, "serve", "--config", file)
	if r.code != exitUsage || !strings.Contains(r.stderr, `server.yaml:2:1: unknown key "lisen"; did you mean "listen"?`) {
		t.Errorf("%+v", r)
	}
	r = command(t, map[string]string{"ROUSE_MAX_STARTS": "many"}, "config")
	if r.code != exitUsage || !strings.Contains(r.stderr, `ROUSE_MAX_STARTS: "many": must be a whole number`) {
		t.Errorf("%+v", r)
	}
}

func TestAMissingAgentIsExplained(t *testing.T) {
	data := dataDir(t)
	r := command(t, nil, "serve", "--data", data, "--driver", "process", "--agent", "/nowhere/rouse-agent")
	if r.code != exitFailed || !strings.Contains(r.stderr, "/nowhere/rouse-agent") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a start that could not be left %s: %v", data, err)
	}
}
