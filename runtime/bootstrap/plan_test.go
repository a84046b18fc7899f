package bootstrap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/bootstrap"
)

var sandbox = rouse.Layout{Task: "/var/task", Runtime: "/var/runtime", Tmp: "/tmp", RuntimeAPI: rouse.AddrVar, Port: rouse.PortVar}

func revision(change func(*rouse.Spec)) rouse.Revision {
	spec := rouse.DefaultSpec()
	spec.Artifact.Code, spec.Runtime, spec.Handler = "sha256:code", "python3.11", "app.handler"
	change(&spec)
	return rouse.NewRevision("shop", spec, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
}

func TestPlanSaysWhatToRun(t *testing.T) {
	http := func(s *rouse.Spec) { s.Contract = rouse.ContractHTTP }
	wrap := func(s *rouse.Spec, program string) { s.Environment = map[string]string{rouse.ExecWrapper: program} }
	host := sandbox
	host.Task, host.Runtime, host.Interpreter = "/data/code", "/data/run", "/opt/py/bin/python3.11"
	for _, c := range []struct {
		name   string
		change func(*rouse.Spec)
		layout rouse.Layout
		want   string
	}{
		{"python", func(s *rouse.Spec) {}, sandbox, "python3.11 -S -u /var/runtime/python/bootstrap.py app.handler"},
		{"python on a host", func(s *rouse.Spec) {}, host, "/opt/py/bin/python3.11 -S -u /data/run/python/bootstrap.py app.handler"},
		{"node", func(s *rouse.Spec) { s.Runtime = "nodejs20.x" }, sandbox, "node /var/runtime/node/bootstrap.cjs app.handler"},
		{"provided", func(s *rouse.Spec) { s.Runtime, s.Handler = "provided.al2", "" }, sandbox, "/var/task/bootstrap"},
		{"provided, wrapped in vain", func(s *rouse.Spec) { wrap(s, "/opt/w"); s.Runtime, s.Handler = "provided.al2", "" }, sandbox, "/var/task/bootstrap"},
		{"a server, wrapped in vain", func(s *rouse.Spec) { wrap(s, "/opt/w"); http(s) }, sandbox, "python3.11 /var/task/app.handler"},
		{"a Python server", func(s *rouse.Spec) { http(s); s.Handler = "src/server.py" }, sandbox, "python3.11 /var/task/src/server.py"},
		{"a Node server", func(s *rouse.Spec) { http(s); s.Runtime, s.Handler = "nodejs20.x", "server.js" }, sandbox, "node /var/task/server.js"},
		{"a static server", func(s *rouse.Spec) { http(s); s.Runtime, s.Handler = "provided", "serve" }, sandbox, "/var/task/serve"},
		{"a model", func(s *rouse.Spec) { http(s); s.Runtime, s.Handler = "onnx", "" }, sandbox, "rouse-onnx --model /var/task/model.onnx"},
		{"a command", func(s *rouse.Spec) { http(s); s.Command = []string{"python3", "-m", "web", "--bind=:${PORT}", "$PORT"} }, host,
			"/opt/py/bin/python3.11 -m web --bind=:" + rouse.PortVar + " " + rouse.PortVar},
		{"an image", func(s *rouse.Spec) { s.Artifact, s.Runtime = rouse.Artifact{Image: "x"}, "" }, sandbox, ""},
		{"an image's command", func(s *rouse.Spec) {
			s.Artifact, s.Runtime, s.Command = rouse.Artifact{Image: "x"}, "", []string{"serve", "$PORT"}
		}, sandbox, "serve " + rouse.PortVar},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, err := bootstrap.Planner{}.Plan(revision(c.change), c.layout)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(cmd.Argv, " "); got != c.want {
				t.Errorf("argv %q, want %q", got, c.want)
			}
		})
	}
}

func TestPlanRefusesWhatCannotRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rouse.Spec)
		says   string
	}{
		{"an unknown runtime", func(s *rouse.Spec) { s.Runtime = "python2.7" }, "must be one of python3.8, "},
		{"a model by events", func(s *rouse.Spec) { s.Runtime = "onnx" }, "runtime onnx serves contract http"},
		{"no handler", func(s *rouse.Spec) { s.Handler = "" }, "such as app.handler"},
		{"no file", func(s *rouse.Spec) { s.Handler, s.Contract = "", rouse.ContractHTTP }, "name the file to run"},
		{"the contract's variable", func(s *rouse.Spec) { s.Environment = map[string]string{"AWS_LAMBDA_RUNTIME_API": "evil:1"} }, "AWS_LAMBDA_RUNTIME_API"},
		{"the contract's port", func(s *rouse.Spec) {
			s.Contract, s.Handler = rouse.ContractHTTP, "app.py"
			s.Environment = map[string]string{"PORT": "80"}
		}, "environment PORT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := bootstrap.Planner{}.Plan(revision(c.change), sandbox)
			if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want an invalid one that says %q", err, c.says)
			}
		})
	}
}

func TestPlanSetsAWSsEnvironment(t *testing.T) {
	rev := revision(func(s *rouse.Spec) {
		s.Environment = map[string]string{"AWS_REGION": "eu-central-1", "TZ": "Europe/Berlin", "MINE": "a=b"}
		s.Logging = &rouse.Logging{Application: rouse.LogWarn, System: rouse.LogInfo}
	})
	cmd, err := bootstrap.Planner{}.Plan(rev, sandbox)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"AWS_LAMBDA_FUNCTION_NAME=shop", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"_HANDLER=app.handler", "LAMBDA_TASK_ROOT=/var/task", "LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_LAMBDA_RUNTIME_API=" + rouse.AddrVar, "AWS_EXECUTION_ENV=AWS_Lambda_python3.11", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/shop", "AWS_LAMBDA_LOG_STREAM_NAME=2026/01/02/[$LATEST]e3b0c44298fc1c149afbf4c8996fb924",
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR", "_AWS_XRAY_DAEMON_PORT=2000", "PWD=/var/task", "SHLVL=0",
		"AWS_ACCESS_KEY_ID=ASIAROUSE00000000000", "HOME=/tmp", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=WARN", "AWS_REGION=eu-central-1", "TZ=Europe/Berlin", "MINE=a=b",
	} {
		if !slices.Contains(cmd.Env, want) {
			t.Errorf("no %s in %q", want, cmd.Env)
		}
	}
	if cmd.Dir != "/var/task" || !slices.IsSorted(cmd.Env) {
		t.Errorf("dir %q, environment %q", cmd.Dir, cmd.Env)
	}
	if i := slices.IndexFunc(cmd.Env, func(kv string) bool { return strings.HasPrefix(kv, "TMPDIR=") || strings.HasPrefix(kv, "PORT=") }); i >= 0 {
		t.Errorf("%s has no place there", cmd.Env[i])
	}
}

func TestPlanLeavesAnImageItsOwnEnvironment(t *testing.T) {
	rev := revision(func(s *rouse.Spec) {
		s.Artifact, s.Runtime, s.Handler, s.Contract = rouse.Artifact{Image: "x"}, "", "", rouse.ContractHTTP
	})
	cmd, err := bootstrap.Planner{}.Plan(rev, sandbox)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"HOST=127.0.0.1", "K_CONFIGURATION=shop", "K_REVISION=shop-" + rev.ID.Short(), "K_SERVICE=shop", "PORT=" + rouse.PortVar}
	if !slices.Equal(cmd.Env, want) {
		t.Errorf("environment %q, want %q", cmd.Env, want)
	}
}

func TestEveryRuntimeHasAnImage(t *testing.T) {
	for _, name := range (bootstrap.Planner{}).Runtimes() {
		image, err := bootstrap.Planner{}.Image(name)
		if err != nil || !strings.HasPrefix(image, "rouse/") {
			t.Errorf("%s: image %q, %v", name, image, err)
		}
		if _, err := (bootstrap.Planner{}).Interpreter(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (bootstrap.Planner{}).Image("python"); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("an unknown runtime: %v", err)
	}
}

func TestUnpackRepairsAndOtherwiseTouchesNothing(t *testing.T) {
	dir := unpacked(t)
	script, helper := filepath.Join(dir, "python", "bootstrap.py"), filepath.Join(dir, "node", "lib", "loop.cjs")
	before, err := os.Stat(script)
	if err != nil {
		t.Fatal(err)
	}
	if before.Mode().Perm() != 0o644 {
		t.Errorf("mode %v: functions run as other users", before.Mode())
	}
	if err := os.WriteFile(helper, []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (bootstrap.Planner{}).Unpack(dir); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(script)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("a file that was right was written again (%v)", err)
	}
	if b, err := os.ReadFile(helper); err != nil || string(b) == "changed" {
		t.Errorf("a file that was changed was left (%v)", err)
	}
}

func TestCodeIsToldItsVersionAndHowItWasStarted(t *testing.T) {
	rev := rouse.Revision{ID: "r", Function: "f", Spec: rouse.DefaultSpec()}
	rev.Spec.Runtime, rev.Spec.Artifact.Code, rev.Spec.Handler = "python3.11", "sha256:0", "app.handler"
	env := func() string {
		c, err := bootstrap.Planner{}.Plan(rev, rouse.Layout{Task: "/var/task", Runtime: "/var/runtime", Tmp: "/tmp"})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(c.Env, "\n")
	}
	for _, want := range []string{"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "/[$LATEST]e3b0c442"} {
		if !strings.Contains(env(), want) {
			t.Errorf("%s is missing", want)
		}
	}
	rev.Spec.Version, rev.Provisioned = "7", true
	for _, want := range []string{"AWS_LAMBDA_FUNCTION_VERSION=7", "AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency", "/[7]e3b0c442"} {
		if !strings.Contains(env(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestEverySandboxHasALogStreamOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, instance := range []string{"a", "b"} {
		l := sandbox
		l.Instance = instance
		c, err := bootstrap.Planner{}.Plan(revision(func(*rouse.Spec) {}), l)
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range c.Env {
			if name, ok := strings.CutPrefix(kv, "AWS_LAMBDA_LOG_STREAM_NAME=2026/01/02/[$LATEST]"); ok && len(name) == 32 {
				seen[name] = true
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("two sandboxes have the log streams %v", seen)
	}
}

func TestNodeFindsModulesWhereAWSsDoes(t *testing.T) {
	c, err := bootstrap.Planner{}.Plan(revision(func(s *rouse.Spec) { s.Runtime = "nodejs20.x" }), sandbox)
	want := "NODE_PATH=/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
	if err != nil || !slices.Contains(c.Env, want) {
		t.Errorf("%v, no %s in %q", err, want, c.Env)
	}
}
