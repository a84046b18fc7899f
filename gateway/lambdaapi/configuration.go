package lambdaapi

import (
	"crypto/sha1" //nolint:gosec // names, not secrets
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// configuration is AWS's FunctionConfiguration.
type configuration struct {
	FunctionName               string
	FunctionArn                string
	Runtime                    string `json:",omitempty"`
	Role                       string
	Handler                    string `json:",omitempty"`
	CodeSize                   int64
	Description                string
	Timeout                    int
	MemorySize                 int
	LastModified               string
	CodeSha256                 string
	Version                    string
	Environment                *environment      `json:",omitempty"`
	DeadLetterConfig           map[string]string `json:",omitempty"`
	TracingConfig              map[string]string
	RevisionId                 string
	Layers                     []layerRef `json:",omitempty"`
	State                      string     `json:",omitempty"`
	StateReason                string     `json:",omitempty"`
	StateReasonCode            string     `json:",omitempty"`
	LastUpdateStatus           string     `json:",omitempty"`
	LastUpdateStatusReason     string     `json:",omitempty"`
	LastUpdateStatusReasonCode string     `json:",omitempty"`
	PackageType                string
	ImageConfigResponse        *imageConfigResponse `json:",omitempty"`
	Architectures              []string
	EphemeralStorage           map[string]int
	SnapStart                  map[string]string
	RuntimeVersionConfig       map[string]string `json:",omitempty"`
	LoggingConfig              loggingConfig
}

type environment struct{ Variables map[string]string }

type layerRef struct {
	Arn      string
	CodeSize int64
}

type imageConfigResponse struct{ ImageConfig imageConfig }

type imageConfig struct {
	EntryPoint       []string `json:",omitempty"`
	Command          []string `json:",omitempty"`
	WorkingDirectory string   `json:",omitempty"`
}

// pointed is one version of a function: what a qualifier leads to.
type pointed struct {
	fn     *rouse.Function
	number int // 0 is $LATEST
	rev    *rouse.Revision
	lambda rouse.LambdaVersion
	arn    rouse.Qualifier // as the ARN shall have it
}

// version is the number in AWS's words.
func (p pointed) version() string { return versionText(p.number) }

func versionText(number int) string {
	if number == 0 {
		return string(rouse.Latest)
	}
	return strconv.Itoa(number)
}

// find follows a qualifier to a version. An alias leads to its first one.
func (a *api) find(fn *rouse.Function, t target) (pointed, error) {
	number, ok := fn.Number(t.qualifier, 1)
	if !ok {
		return pointed{}, a.notFound(t)
	}
	p, err := a.at(fn, number)
	if err != nil {
		return p, a.notFound(t)
	}
	p.arn = t.qualifier
	return p, nil
}

// at is a version of fn by its number, 0 for $LATEST.
func (a *api) at(fn *rouse.Function, number int) (pointed, error) {
	p := pointed{fn: fn, number: number}
	id := fn.Latest
	if fn.Lambda != nil {
		p.lambda = fn.Lambda.Latest
	}
	if number != 0 {
		v := fn.Version(number)
		if v == nil {
			return p, a.notFound(target{fn.Name, rouse.Qualifier(versionText(number))})
		}
		id, p.arn, p.lambda = v.Revision, rouse.Qualifier(versionText(number)), rouse.LambdaVersion{}
		if v.Lambda != nil {
			p.lambda = *v.Lambda
		}
		p.lambda.Description = v.Description
	}
	var err error
	p.rev, err = a.Catalog.Revision(id)
	return p, err
}

// configuration describes a version.
func (a *api) configuration(p pointed) *configuration {
	spec := &p.rev.Spec
	c := &configuration{
		FunctionName: string(p.fn.Name), FunctionArn: a.Place.ARN(p.fn.Name, p.arn),
		Runtime: spec.Runtime, Handler: spec.Handler, Role: p.role(a.Place), Description: p.lambda.Description,
		Timeout: int(spec.Timeout.D() / time.Second), MemorySize: int(spec.Memory / rouse.MB),
		LastModified: date(p.modified()), Version: p.version(), RevisionId: p.revisionID(),
		TracingConfig: map[string]string{"Mode": tracingMode(spec.Traced)},
		PackageType:   "Zip", Architectures: []string{a.machine},
		EphemeralStorage: map[string]int{"Size": int(spec.Tmp / rouse.MB)},
		SnapStart:        map[string]string{"ApplyOn": "None", "OptimizationStatus": "Off"},
		LoggingConfig:    loggingOf(spec, p.fn.Name),
	}
	a.state(c, p)
	if len(spec.Environment) > 0 || p.lambda.HasEnvironment {
		c.Environment = &environment{map[string]string{}}
		maps.Copy(c.Environment.Variables, spec.Environment)
	}
	if p.lambda.DeadLetter != "" {
		c.DeadLetterConfig = map[string]string{"TargetArn": p.lambda.DeadLetter}
	}
	sum, size := p.code()
	c.CodeSha256, c.CodeSize = sum, int64(size)
	if spec.Artifact.Image != "" {
		c.PackageType = "Image"
		if i := spec.Image; i != nil {
			c.ImageConfigResponse = &imageConfigResponse{imageConfig{i.EntryPoint, i.Command, i.Directory}}
		}
	} else {
		c.RuntimeVersionConfig = map[string]string{"RuntimeVersionArn": a.runtimeVersion(spec.Runtime)}
	}
	for _, layer := range p.lambda.Layers {
		c.Layers = append(c.Layers, layerRef{layer.ARN, int64(layer.Size)})
	}
	return c
}

func tracingMode(traced bool) string {
	if traced {
		return "Active"
	}
	return "PassThrough"
}

// listed leaves out what listings do not tell.
func (c *configuration) listed() *configuration {
	c.State, c.StateReason, c.StateReasonCode = "", "", ""
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "", "", ""
	c.RuntimeVersionConfig = nil
	return c
}

// creating and updating are what the answers to changes say, also of what is done
// by the time that anybody can ask. Being done is a change too: whoever asks then
// is told another RevisionId.
func (c *configuration) creating() *configuration {
	if c.State == "Active" {
		c.RevisionId = before(c.RevisionId)
		c.State, c.StateReason, c.StateReasonCode, c.LastUpdateStatus = "Pending", beingCreated, "Creating", ""
	}
	return c
}

func (c *configuration) updating() *configuration {
	if c.LastUpdateStatus == "Successful" {
		c.RevisionId = before(c.RevisionId)
		c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "InProgress", beingCreated, "Creating"
	}
	return c
}

func before(revision string) string {
	return uuid.NewHash(sha1.New(), uuid.NameSpaceOID, []byte(revision), 5).String()
}

func (p pointed) role(place rouse.Place) string {
	if p.lambda.Role != "" {
		return p.lambda.Role
	}
	return "arn:aws:iam::" + place.Account + ":role/rouse"
}

func (p pointed) modified() time.Time {
	if !p.lambda.Modified.Before(p.rev.Created) {
		return p.lambda.Modified
	}
	return p.rev.Created
}

// revisionID is the one that was given last, and another one as soon as what
// runs was changed by another way.
func (p pointed) revisionID() string {
	return uuid.NewHash(sha1.New(), uuid.NameSpaceOID, []byte(p.lambda.RevisionID+"\x00"+string(p.rev.ID)+"\x00"+p.version()), 5).String()
}

// code is the sum and the size of what was uploaded. Code that came by another
// way is named by the digest of its tree, an image by its id.
func (p pointed) code() (sum string, size rouse.Bytes) {
	artifact := p.rev.Spec.Artifact
	digest, size := artifact.Code, artifact.Size
	if pack := p.lambda.Package; pack != nil && pack.Code == artifact.Code {
		digest, size = pack.Digest, pack.Size
	}
	if artifact.Image != "" {
		digest, size = artifact.ImageID, 0
		_, hexadecimal, _ := strings.Cut(digest, ":")
		return hexadecimal, size
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		return digest, size
	}
	return base64.StdEncoding.EncodeToString(raw), size
}

// runtimeVersion names the runtime's own version: there is one of each here.
func (a *api) runtimeVersion(runtime string) string {
	id := sha256.Sum256([]byte(runtime))
	return "arn:aws:lambda:" + a.Place.Region + "::runtime:" + hex.EncodeToString(id[:])
}
