package lambdaapi

import (
	"context"
	"io"
	"iter"
	"os"

	"github.com/rousehq/rouse"
)

// Reader finds functions and revisions. None of its methods blocks; what does
// not exist is a NotFound error, and what they return must not be changed.
type Reader interface {
	Functions() []rouse.Function
	Function(name rouse.FunctionName) (*rouse.Function, error)
	Revision(id rouse.RevisionID) (*rouse.Revision, error)
}

// Writer changes functions. Its methods block until the change is durable. What
// a callback returns as an error is returned as it is, and nothing changes.
type Writer interface {
	// Create makes a function that must not exist yet, else it is a Conflict.
	Create(ctx context.Context, name rouse.FunctionName, spec rouse.Spec, edit func(*rouse.Function) error) (rouse.Function, error)
	// Revise changes what runs, and the rest with it, in one write. It is a Conflict
	// while an image is on its way that another one waits for.
	Revise(ctx context.Context, name rouse.FunctionName, respec func(*rouse.Function, *rouse.Spec) error, edit func(*rouse.Function) error) (rouse.Function, error)
	// Change changes whatever is not the revision.
	Change(ctx context.Context, name rouse.FunctionName, edit func(*rouse.Function) error) (rouse.Function, error)
	Delete(ctx context.Context, name rouse.FunctionName) error
}

// Capacity tells of the instances that are provisioned. It does not block.
type Capacity interface {
	Provisioned(id rouse.RevisionID) rouse.Provisioned
}

// Catalog is what the API needs of the control plane's memory.
type Catalog interface {
	Reader
	Writer
}

// Layers keeps layers. Its methods block on the disk.
type Layers interface {
	// Layer returns a layer or a NotFound error.
	Layer(ctx context.Context, name string) (rouse.Layer, error)
	// PutLayer compares and swaps on the generation, else it is a Conflict.
	PutLayer(ctx context.Context, l rouse.Layer) (rouse.Layer, error)
	// AllLayers yields every layer by name; an error is yielded once, last.
	AllLayers(ctx context.Context) iter.Seq2[rouse.Layer, error]
}

// Later keeps events and has them handled.
type Later interface {
	// Submit blocks until the event is on disk.
	Submit(ctx context.Context, r rouse.JobRequest) (j *rouse.Job, created bool, err error)
}

// Mappings keeps event source mappings and does what they say. Its methods that
// change something block until that is on disk; one that does not exist is a
// NotFound error.
type Mappings interface {
	// Mappings are all; it does not block.
	Mappings() []rouse.Mapping
	// CreateMapping gives a mapping its ID. A second one of the same queue to the
	// same function is a Conflict, with the first.
	CreateMapping(ctx context.Context, m rouse.Mapping) (rouse.Mapping, error)
	// ChangeMapping returns an error of edit as it is, and then nothing changes.
	ChangeMapping(ctx context.Context, id string, edit func(*rouse.Mapping) error) (rouse.Mapping, error)
	DeleteMapping(ctx context.Context, id string) (rouse.Mapping, error)
	// CheckFilters says what is wrong with patterns: Invalid, with the place.
	CheckFilters(patterns []string) error
}

// Signing keeps code signing configurations. Its methods that change something
// block until that is on disk; one that does not exist is a NotFound error.
type Signing interface {
	// SigningConfigs are all, by ID; it does not block.
	SigningConfigs() []rouse.SigningConfig
	CreateSigningConfig(ctx context.Context, c rouse.SigningConfig) error
	// ChangeSigningConfig returns an error of edit as it is, and then nothing changes.
	ChangeSigningConfig(ctx context.Context, id string, edit func(*rouse.SigningConfig) error) (rouse.SigningConfig, error)
	DeleteSigningConfig(ctx context.Context, id string) error
}

// Queues finds queues. It does not block.
type Queues interface {
	Queue(name string) (rouse.Queue, error)
}

// Objects reads objects of an object store.
type Objects interface {
	// Object blocks until an object is whole. Version "" is the newest. What the
	// store says no to is NotFound or Denied, its message in the words that Lambda
	// passes on; more than limit bytes are TooLarge, and no answer is Unavailable.
	Object(ctx context.Context, bucket, key, version string, limit int64) ([]byte, error)
}

// Packages keeps uploaded archives.
type Packages interface {
	// AddPackage unpacks an archive and keeps it. It is idempotent. Errors are
	// Invalid for what is no archive, TooLarge, and Unavailable for a full disk.
	AddPackage(ctx context.Context, archive []byte) (rouse.Package, error)
	// OpenPackage opens a kept archive by its digest; the caller closes it.
	OpenPackage(digest string) (*os.File, error)
	// WriteZip packs the tree of a digest, for code that came by another way.
	WriteZip(ctx context.Context, w io.Writer, digest string) error
}
