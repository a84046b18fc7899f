package lambdaapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

// AWS's limits where they are narrower than the service model's.
const (
	maxTimeout = 900
	maxMemory  = 10240
	maxTmp     = 10240
	maxTags    = 50
)

// refuse says which setting Rouse could only ignore. None of them is stored.
// runtime is the function's present one, if it has one.
func (a *api) refuse(r *request, in *settings, runtime string) error {
	if in.Runtime != nil {
		runtime = *in.Runtime
	}
	switch {
	case in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0:
		return unsupported("VpcConfig", "functions run on this machine; leave it out")
	case len(in.FileSystemConfigs) > 0:
		return unsupported("FileSystemConfigs", "there is no file system to mount; leave it out")
	case r.text("KMSKeyArn") != "":
		return unsupported("KMSKeyArn", "nothing is encrypted with keys of a KMS; leave it out")
	case in.SnapStart != nil && in.SnapStart.ApplyOn == "PublishedVersions" && runtime != "" && !snapStarts(runtime):
		return invalid("%s is not supported for SnapStart enabled functions.", runtime)
	case in.SnapStart != nil && in.SnapStart.ApplyOn == "PublishedVersions":
		return unsupported("SnapStart PublishedVersions", "functions start from their code; use None")
	}
	for _, name := range []string{"PublishTo", "TenancyConfig", "CapacityProviderConfig", "DurableConfig", "AcceleratorConfig", "RuntimeConfig"} {
		if r.has(name) {
			return unsupported(name, "leave it out")
		}
	}
	if err := a.ownLogGroup(r, in.LoggingConfig); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return a.buildable(in.Architectures)
}

func (a *api) buildable(architectures []string) error {
	if len(architectures) == 1 && architectures[0] != a.machine {
		return invalid("Architectures [%s]: this machine runs %s only", architectures[0], a.machine)
	}
	return nil
}

// apply changes spec and what stands beside it to what was given.
func (a *api) apply(ctx context.Context, in *settings, spec *rouse.Spec, lambda *rouse.LambdaVersion) error {
	if in.Description != nil {
		lambda.Description = *in.Description
	}
	if in.Role != nil {
		lambda.Role = *in.Role
	}
	if in.Runtime != nil {
		if instead, ok := deprecated[*in.Runtime]; ok && !slices.Contains(a.Runtimes, *in.Runtime) {
			return invalid("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. "+
				"We recommend you use the new runtime (%s) while creating or updating functions.", *in.Runtime, instead)
		}
		if !slices.Contains(a.Runtimes, *in.Runtime) {
			return invalid("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN",
				clip(*in.Runtime), strings.Join(a.Runtimes, ", "))
		}
		spec.Runtime = *in.Runtime
	}
	if in.Handler != nil {
		spec.Handler = *in.Handler
	}
	if in.Timeout != nil {
		if *in.Timeout > maxTimeout {
			return validation([]string{beyond("timeout", *in.Timeout, maxTimeout)})
		}
		spec.Timeout = rouse.Duration(time.Duration(*in.Timeout) * time.Second)
	}
	if in.MemorySize != nil {
		if *in.MemorySize > maxMemory {
			return invalid("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to %d", maxMemory)
		}
		spec.Memory = rouse.Bytes(*in.MemorySize) * rouse.MB
	}
	if in.EphemeralStorage != nil {
		if in.EphemeralStorage.Size > maxTmp {
			return validation([]string{beyond("ephemeralStorage.size", in.EphemeralStorage.Size, maxTmp)})
		}
		spec.Tmp = rouse.Bytes(in.EphemeralStorage.Size) * rouse.MB
	}
	if in.TracingConfig != nil && in.TracingConfig.Mode != "" {
		spec.Traced = in.TracingConfig.Mode == "Active"
	}
	if in.Layers != nil {
		if err := a.attach(ctx, *in.Layers, spec, lambda); err != nil {
			return err
		}
	}
	if in.ImageConfig != nil {
		spec.Image = nil
		if c := in.ImageConfig; len(c.EntryPoint) > 0 || len(c.Command) > 0 || c.WorkingDirectory != "" {
			spec.Image = &rouse.ImageConfig{EntryPoint: c.EntryPoint, Command: c.Command, Directory: c.WorkingDirectory}
		}
	}
	if in.LoggingConfig != nil {
		if err := in.LoggingConfig.into(spec); err != nil {
			return err
		}
	}
	if in.DeadLetterConfig != nil {
		if err := a.checkDeadLetter(in.DeadLetterConfig.TargetArn); err != nil {
			return err
		}
		lambda.DeadLetter = in.DeadLetterConfig.TargetArn
	}
	if in.Environment != nil {
		if err := checkVariables(in.Environment.Variables, in.variables); err != nil {
			return err
		}
		spec.Environment, lambda.HasEnvironment = in.Environment.Variables, true
	}
	return nil
}

func beyond(path string, value, most int) string {
	b, _ := json.Marshal(value) // a number
	return "Value '" + string(b) + "' at '" + path + "' failed to satisfy constraint: Member must have value less than or equal to " + show(most)
}

// reserved are the variables that AWS sets and nobody else may (AWS, "Using
// Lambda environment variables").
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

const maxVariables = 4 << 10

// checkVariables checks variables; sent is how they came, when they are large.
func checkVariables(variables map[string]string, sent []byte) error {
	var taken []string
	for _, name := range reserved {
		if _, ok := variables[name]; ok {
			taken = append(taken, name)
		}
	}
	const unable = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	if len(taken) > 0 {
		return invalid(unable+"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	b, err := compact(variables)
	if err != nil {
		return err
	}
	if len(b) > maxVariables {
		if sent != nil {
			b = sent
		}
		return invalid(unable+"exceeded the 4KB limit. String measured: %s", b)
	}
	return nil
}
