package bootstrap

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// environment is what rev's process sees, sorted by name. A zero entry stands
// for an image's own runtime.
func (p Planner) environment(rev rouse.Revision, e entry, l rouse.Layout) ([]string, error) {
	env := map[string]string{}
	if e.name != "" {
		ofCode(env, rev.Spec, e, l)
	}
	if l.Tmp != "/tmp" {
		env["TMPDIR"] = l.Tmp
	}
	if rev.Spec.Contract == rouse.ContractLambda {
		env["TZ"] = ":UTC"
		awsDefaults(env, cmp.Or(p.Region, rouse.DefaultPlace.Region))
	} else {
		env["HOST"] = "127.0.0.1"
		if l.Platform != "" {
			awsDefaults(env, cmp.Or(p.Region, rouse.DefaultPlace.Region))
		}
	}
	platform(env, rev.Spec, l)
	maps.Copy(env, rev.Spec.Environment)
	for key, value := range fixed(rev, e, l) {
		if _, taken := rev.Spec.Environment[key]; taken {
			return nil, rouse.Errorf(rouse.Invalid, "environment %s: is set by the %s contract and cannot be changed", key, rev.Spec.Contract)
		}
		env[key] = value
	}
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list, nil
}

// ofCode are the defaults of sandboxes whose files Rouse chooses.
func ofCode(env map[string]string, spec rouse.Spec, e entry, l rouse.Layout) {
	opt := cmp.Or(l.Opt, "/opt")
	env["PATH"] = "/usr/local/bin:/usr/bin:/bin:" + path.Join(opt, "bin")
	if l.Interpreter != "" {
		env["PATH"] = path.Dir(l.Interpreter) + ":" + env["PATH"]
	}
	env["LANG"] = "C.UTF-8" // AWS says en_US.UTF-8, which small images do not have
	env["HOME"] = l.Tmp     // the only place that can be written
	env["LD_LIBRARY_PATH"] = strings.Join([]string{l.Task, path.Join(l.Task, "lib"), path.Join(opt, "lib")}, ":")
	env["PWD"] = l.Task
	if spec.Contract == rouse.ContractLambda {
		env["SHLVL"] = "0" // as AWS's entry point leaves it
	}
	if e.family == node {
		version := "node" + strings.TrimSuffix(strings.TrimPrefix(e.name, "nodejs"), ".x")
		env["NODE_PATH"] = strings.Join([]string{
			path.Join(opt, "nodejs", version, "node_modules"), path.Join(opt, "nodejs/node_modules"), path.Join(l.Runtime, "node_modules"), l.Runtime, l.Task,
		}, ":")
	}
	if e.family == python {
		env["PYTHONDONTWRITEBYTECODE"] = "1" // code is content-addressed and stays as it is
		if spec.Contract == rouse.ContractHTTP {
			env["PYTHONUNBUFFERED"] = "1"
			env["PYTHONPATH"] = l.Task
		}
		if opt != "/opt" { // where the runtime does not look by itself
			env["PYTHONPATH"] = strings.TrimPrefix(env["PYTHONPATH"]+":", ":") +
				path.Join(opt, "python/lib", e.name, "site-packages") + ":" + path.Join(opt, "python")
		}
	}
}

// platform has SDKs of AWS find Rouse's own API. Code that has a network and
// credentials of its own means AWS itself.
func platform(env map[string]string, spec rouse.Spec, l rouse.Layout) {
	_, given := spec.Environment["AWS_ACCESS_KEY_ID"]
	if given && spec.Network == rouse.NetworkEgress {
		delete(env, "AWS_SESSION_TOKEN") // ours would be taken to belong to them
		return
	}
	if l.Platform == "" {
		return
	}
	env["AWS_ENDPOINT_URL"] = "http://" + l.Platform
	if l.PlatformToken != "" {
		env["AWS_SESSION_TOKEN"] = l.PlatformToken // clients show it with every request
	}
}

// awsDefaults are AWS's variables that a user may change here.
func awsDefaults(env map[string]string, region string) {
	env["AWS_REGION"] = region
	env["AWS_DEFAULT_REGION"] = region
	// SDKs refuse to start without credentials; these open nothing.
	env["AWS_ACCESS_KEY_ID"] = "ASIAROUSE00000000000"
	env["AWS_SECRET_ACCESS_KEY"] = "rouse00000000000000000000000000000000000"
	env["AWS_SESSION_TOKEN"] = "rouse"
	// Nobody takes traces, as with TracingConfig PassThrough on AWS.
	env["AWS_XRAY_CONTEXT_MISSING"] = "LOG_ERROR"
	env["AWS_XRAY_DAEMON_ADDRESS"] = "169.254.79.129:2000"
	env["_AWS_XRAY_DAEMON_ADDRESS"] = "169.254.79.129"
	env["_AWS_XRAY_DAEMON_PORT"] = "2000"
}

// fixed is what the contract says about the sandbox.
func fixed(rev rouse.Revision, e entry, l rouse.Layout) map[string]string {
	if rev.Spec.Contract == rouse.ContractHTTP {
		return map[string]string{
			"PORT":            l.Port,
			"K_SERVICE":       string(rev.Function),
			"K_CONFIGURATION": string(rev.Function),
			"K_REVISION":      string(rev.Function) + "-" + rev.ID.Short(),
		}
	}
	version, initialization := cmp.Or(rev.Spec.Version, string(rouse.Latest)), "on-demand"
	if rev.Provisioned {
		initialization = "provisioned-concurrency"
	}
	env := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          l.RuntimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME":        string(rev.Function),
		"AWS_LAMBDA_FUNCTION_VERSION":     version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.FormatInt(int64(rev.Spec.Memory/rouse.MB), 10),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  initialization,
		"AWS_LAMBDA_LOG_GROUP_NAME":       rouse.LogGroup(rev.Function, &rev.Spec),
		"AWS_LAMBDA_LOG_STREAM_NAME":      rev.LogStream(l.Instance),
		"LAMBDA_TASK_ROOT":                l.Task,
		"LAMBDA_RUNTIME_DIR":              l.Runtime,
	}
	if log := rev.Spec.Logging; log != nil {
		env["AWS_LAMBDA_LOG_FORMAT"], env["AWS_LAMBDA_LOG_LEVEL"] = "JSON", string(log.Application)
	}
	if rev.Spec.Handler != "" || e.name != "" {
		env["_HANDLER"] = rev.Spec.Handler
	}
	if e.family == python && rev.Spec.LearnsZygote() {
		env["ROUSE_LEARN_IMPORTS"] = "1" // our bootstrap takes it out again
	}
	if e.name != "" && (e.family == python || e.family == node) {
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + e.name
	}
	return env
}
