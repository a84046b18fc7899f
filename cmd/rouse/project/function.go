// Package project reads rouse.yaml, the file in which a project declares its
// functions. What a function may declare is one struct; it is also the flags
// of rouse deploy, and the published JSON Schema is made from it.
package project

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/rousehq/rouse"
)

// Function is what can be declared of a function. What is nil or empty has not
// been declared.
type Function struct {
	Image   string `yaml:"image" doc:"container image to run"`
	Code    string `yaml:"code" doc:"folder or zip archive with the code"`
	Model   string `yaml:"model" doc:"ONNX model file to serve, instead of code"`
	Runtime string `yaml:"runtime" doc:"what runs the code: python3.11, nodejs20.x, provided, ..."`
	Handler string `yaml:"handler" doc:"what answers: app.handler for contract lambda, the file to run for http"`

	Contract string          `yaml:"contract" doc:"how the code is spoken to: AWS Lambda's Runtime API, or HTTP on $PORT" enum:"lambda,http"`
	Memory   *rouse.Bytes    `yaml:"memory" doc:"memory of one instance"`
	Timeout  *rouse.Duration `yaml:"timeout" doc:"longest time for one request"`
	CPU      *float64        `yaml:"cpu" doc:"cores of one instance; 0 is a share that follows memory"`
	Tmp      *rouse.Bytes    `yaml:"tmp" doc:"size of /tmp"`
	Network  string          `yaml:"network" doc:"what the code can reach: nothing, or outgoing connections" enum:"none,egress"`
	Caps     string          `yaml:"caps" doc:"capabilities of an image's root user: none, or those that Docker gives" enum:"none,default"`
	Writable *bool           `yaml:"writable" doc:"let the code write to its whole file system, as much as to /tmp"`
	Health   string          `yaml:"health" doc:"path that answers 2xx once the code is ready (contract http)"`
	Command  Command         `yaml:"command" doc:"command to run instead of the image's or runtime's own; $PORT is replaced"`

	Layers     []string `yaml:"layer" doc:"folders or zip archives that are joined at /opt, the later over the earlier (with code)"`
	EntryPoint Command  `yaml:"entrypoint" doc:"entry point to use instead of the image's"`
	Args       Command  `yaml:"args" doc:"arguments of the entry point, instead of the image's"`
	WorkDir    string   `yaml:"workdir" doc:"folder to start in, instead of the image's"`

	Zygote  Modules           `yaml:"zygote" doc:"Python modules loaded ahead of need, of which starts are forks; auto learns them"`
	Env     map[string]string `yaml:"env" doc:"environment variables" short:"e"`
	EnvFile []string          `yaml:"env_file" doc:"files with KEY=VALUE lines; env wins over them"`

	Scaling
}

// Scaling is what can be declared of a function's settings.
type Scaling struct {
	Idle         *rouse.Duration `yaml:"idle" doc:"keep an unused instance this long"`
	Concurrency  *int            `yaml:"concurrency" doc:"requests at once per instance; 1 for contract lambda"`
	MaxInstances *int            `yaml:"max_instances" doc:"most instances of a revision; 0 is no limit of its own"`
	Provisioned  *int            `yaml:"provisioned" doc:"instances that are always ready"`
	Reserved     *int            `yaml:"reserved" doc:"most requests in flight over all revisions; 0 refuses all (default no limit)"`
	Queue        *int            `yaml:"queue" doc:"requests that may wait for an instance; 0 refuses at once"`
	QueueBytes   *rouse.Bytes    `yaml:"queue_bytes" doc:"bytes that waiting requests may hold"`
	Hold         *rouse.Duration `yaml:"hold" doc:"longest wait for an instance"`
	Webhook      *string         `yaml:"webhook" doc:"URL that is told of the end of each of the function's jobs"`
	Freeze       *bool           `yaml:"freeze" doc:"stop an instance's processes between requests (contract lambda)"`
}

// Defaults is a function with everything declared that has a default.
func Defaults() Function {
	spec, settings := rouse.DefaultSpec(), rouse.DefaultSettings()
	return Function{
		Contract: string(spec.Contract), Memory: &spec.Memory, Timeout: &spec.Timeout, CPU: &spec.CPU, Tmp: &spec.Tmp,
		Network: string(spec.Network), Caps: "none", Writable: &spec.Writable,
		Scaling: Scaling{
			Idle: &settings.Idle, Concurrency: &settings.Concurrency, MaxInstances: &settings.MaxInstances,
			Provisioned: &settings.Provisioned, Queue: &settings.Queue, QueueBytes: &settings.QueueBytes, Hold: &settings.Hold,
			Freeze: &settings.Freeze,
		},
	}
}

// Spec is the declared spec; the artifact of code or a model, which has to be
// uploaded first, is left out. Files are looked up relative to dir.
func (f *Function) Spec(dir string) (rouse.Spec, error) {
	spec := rouse.DefaultSpec()
	if err := f.checkArtifact(); err != nil {
		return spec, err
	}
	spec.Artifact.Image = f.Image
	spec.Runtime, spec.Handler, spec.Health, spec.Command = f.Runtime, f.Handler, f.Health, f.Command
	if len(f.EntryPoint) > 0 || len(f.Args) > 0 || f.WorkDir != "" {
		spec.Image = &rouse.ImageConfig{EntryPoint: f.EntryPoint, Command: f.Args, Directory: f.WorkDir}
	}
	if f.Model != "" {
		spec.Runtime, spec.Contract = "onnx", rouse.ContractHTTP
	}
	if f.Contract != "" {
		spec.Contract = rouse.Contract(f.Contract)
	}
	if f.Network != "" {
		spec.Network = rouse.Network(f.Network)
	}
	if f.Caps != "none" { // which is to leave it out
		spec.Caps = rouse.Caps(f.Caps)
	}
	spec.Zygote = f.Zygote
	take(&spec.Memory, f.Memory)
	take(&spec.Timeout, f.Timeout)
	take(&spec.CPU, f.CPU)
	take(&spec.Tmp, f.Tmp)
	take(&spec.Writable, f.Writable)
	env := make(map[string]string)
	for _, name := range f.EnvFile {
		if err := readEnv(env, Path(dir, name)); err != nil {
			return spec, err
		}
	}
	maps.Copy(env, f.Env)
	if len(env) > 0 {
		spec.Environment = env
	}
	return spec, nil
}

func (f *Function) checkArtifact() error {
	given := 0
	for _, artifact := range []string{f.Image, f.Code, f.Model} {
		if artifact != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return rouse.Errorf(rouse.Invalid, "nothing to deploy: give an image, code with a runtime, or a model")
	case given > 1:
		return rouse.Errorf(rouse.Invalid, "image, code and model exclude one another: give one of them")
	case f.Model != "" && (f.Runtime != "" || f.Handler != ""):
		return rouse.Errorf(rouse.Invalid, "a model brings its own runtime and handler; leave them out")
	case f.Code == "" && len(f.Layers) > 0:
		return rouse.Errorf(rouse.Invalid, "layer: only code has layers; an image or a model brings its own files")
	case f.Image == "" && (len(f.EntryPoint) > 0 || len(f.Args) > 0 || f.WorkDir != ""):
		return rouse.Errorf(rouse.Invalid, "entrypoint, args and workdir: only an image has them; for code give a command")
	case f.Code != "" && f.Runtime == "":
		return rouse.Errorf(rouse.Invalid, "runtime: missing; code needs one, such as python3.11, nodejs20.x or provided")
	}
	return nil
}

// Over is base with what has been declared.
func (s Scaling) Over(base rouse.Settings) rouse.Settings {
	take(&base.Idle, s.Idle)
	take(&base.Concurrency, s.Concurrency)
	take(&base.MaxInstances, s.MaxInstances)
	take(&base.Provisioned, s.Provisioned)
	take(&base.Queue, s.Queue)
	take(&base.QueueBytes, s.QueueBytes)
	take(&base.Hold, s.Hold)
	take(&base.Freeze, s.Freeze)
	take(&base.Webhook, s.Webhook)
	if s.Reserved != nil {
		base.Reserved = s.Reserved
	}
	return base
}

// take sets a value when another one was declared.
func take[T any](value *T, declared *T) {
	if declared != nil {
		*value = *declared
	}
}

// Path is where a file of a project in dir lies.
func Path(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// readEnv adds the KEY=VALUE lines of a file; '#' begins a comment line, and
// quotes around a whole value are dropped.
func readEnv(env map[string]string, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return rouse.Errorf(rouse.Invalid, "env_file: %v", err)
	}
	for n, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return rouse.Errorf(rouse.Invalid, "%s:%d: must be KEY=VALUE", file, n+1)
		}
		if q := len(value); q >= 2 && value[0] == value[q-1] && (value[0] == '"' || value[0] == '\'') {
			value = value[1 : q-1]
		}
		env[key] = value
	}
	return nil
}

// Modules are Python modules, in a file as a list or as one string with commas.
type Modules []string

// Set reads names between commas.
func (m *Modules) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		*m = append(*m, strings.TrimSpace(name))
	}
	return nil
}

func (m *Modules) String() string { return strings.Join(*m, ",") }

// Type is the word that help texts show for the value.
func (m *Modules) Type() string { return "modules" }

// Command is a command line, in a file as a list or as one string with quotes.
type Command []string

// Set reads one string as a shell would split it; nothing is expanded.
func (c *Command) Set(s string) error {
	words, err := split(s)
	if err != nil {
		return rouse.Errorf(rouse.Invalid, "%v", err)
	}
	*c = words
	return nil
}

func (c *Command) String() string { return strings.Join(*c, " ") }

// Type is the word that help texts show for the value.
func (c *Command) Type() string { return "command" }

func split(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			inWord, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("%q: a quote or backslash is left open", s)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
