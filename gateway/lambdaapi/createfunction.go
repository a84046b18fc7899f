package lambdaapi

import (
	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// settings are the members that CreateFunction and UpdateFunctionConfiguration
// share. A nil one was not given.
type settings struct {
	Description      *string
	Role             *string
	Runtime          *string
	Handler          *string
	Timeout          *int
	MemorySize       *int
	Environment      *struct{ Variables map[string]string }
	EphemeralStorage *struct{ Size int }
	Layers           *[]string
	ImageConfig      *imageConfig
	DeadLetterConfig *struct{ TargetArn string }
	PackageType      string
	Architectures    []string
	Tags             map[string]string
	Publish          bool
	RevisionId       string
	variables        []byte // as they were sent, when they are large

	// What is refused, unless it asks for what happens anyway.
	VpcConfig *struct {
		SubnetIds, SecurityGroupIds []string
		Ipv6AllowedForDualStack     bool
	}
	FileSystemConfigs []struct{ Arn string }
	TracingConfig     *struct{ Mode string }
	SnapStart         *struct{ ApplyOn string }
	LoggingConfig     *loggingConfig
}

// createFunction answers when the function is durable. As on AWS nothing is
// started: an init that fails shows when the function is called.
func (a *api) createFunction(r *request) (any, error) {
	var in settings
	if err := r.into(&in); err != nil {
		return nil, err
	}
	in.variables = r.variables
	t, err := a.target(r.op.name, r.text("FunctionName"), "")
	if err != nil {
		return nil, err
	}
	if t.qualifier != "" {
		return nil, unmatched(r.op.name, r.text("FunctionName"))
	}
	if err := a.refuse(r, &in, ""); err != nil {
		return nil, err
	}
	if _, err := a.Catalog.Function(t.name); err == nil {
		return nil, conflict("Function already exist: %s", t.name)
	}
	spec := rouse.DefaultSpec()
	spec.Memory, spec.Timeout = 128*rouse.MB, rouse.Duration(3e9)
	made := rouse.LambdaVersion{RevisionID: uuid.NewString(), Serial: uuid.NewString(), Modified: a.now()}
	if err := a.creatable(&in); err != nil {
		return nil, err
	}
	if err := a.apply(r.Request.Context(), &in, &spec, &made); err != nil {
		return nil, err
	}
	if err := a.source(r, "code.", &spec, &made, in.PackageType == "Image"); err != nil {
		return nil, err
	}
	if err := fits(&spec, &made); err != nil {
		return nil, err
	}
	signing, err := a.creatableSigned(r, t.name, in.PackageType)
	if err != nil {
		return nil, err
	}
	number := 0
	fn, err := a.Catalog.Create(r.Request.Context(), t.name, spec, func(fn *rouse.Function) error {
		fn.Lambda = &rouse.LambdaFunction{Tags: in.Tags, Latest: made, Signing: signing}
		fn.Settings.Queue = 0 // a call beyond what may run is refused at once, as on AWS
		if in.Publish {
			number = fn.Publish(made.Description, a.now()).Number
		}
		return nil
	})
	if rouse.CodeOf(err) == rouse.Conflict {
		return nil, conflict("Function already exist: %s", t.name)
	}
	if err != nil {
		return nil, err
	}
	p, err := a.at(&fn, number)
	if err != nil {
		return nil, err
	}
	p.arn = ""
	return a.configuration(p).creating(), nil
}

// creatable says what a new function needs by the kind of its code.
func (a *api) creatable(in *settings) error {
	if in.PackageType == "Image" {
		if in.Runtime != nil || in.Handler != nil || in.Layers != nil {
			return invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
		}
		return nil
	}
	switch {
	case in.ImageConfig != nil:
		return invalid("ImageConfig is only supported for functions with PackageType Image.")
	case in.Runtime == nil || in.Handler == nil:
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return nil
}

// source puts the code that a request carries into spec. prefix is where its
// members stand in the input.
func (a *api) source(r *request, prefix string, spec *rouse.Spec, made *rouse.LambdaVersion, image bool) error {
	code := r.input
	if prefix != "" {
		code, _ = r.input["Code"].(map[string]any)
	}
	if key, _ := code["SourceKMSKeyArn"].(string); key != "" {
		return unsupported("SourceKMSKeyArn", "nothing is encrypted with keys of a KMS; leave it out")
	}
	uri, _ := code["ImageUri"].(string)
	archive, zipped := r.blobs[prefix+"zipFile"]
	_, bucket := code["S3Bucket"]
	_, key := code["S3Key"]
	stored := bucket || key
	switch {
	case image && (zipped || stored):
		return invalid("Please provide ImageUri when updating a function with packageType Image.")
	case !image && uri != "":
		return invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
	case image && uri == "", !image && !zipped && !(bucket && key):
		return invalid("Please provide a source for function code.")
	case zipped && stored:
		return invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	}
	if image {
		spec.Artifact = rouse.Artifact{Image: uri}
		made.Package = nil
		return nil
	}
	pack, err := a.packed(r, code, archive, zipped)
	if err != nil {
		return err
	}
	spec.Artifact = rouse.Artifact{Code: pack.Code, Size: pack.Files}
	made.Package = &pack
	return nil
}
