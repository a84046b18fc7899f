package lambdaapi

import (
	"context"
	"errors"

	"github.com/rousehq/rouse"
)

const (
	maxZipped   = 52428800
	maxUnzipped = 262144000
)

// packed stores the archive that a request carries, or else names: from a bucket
// it may be larger than from a request.
func (a *api) packed(r *request, code map[string]any, archive []byte, carried bool) (rouse.Package, error) {
	if carried {
		if len(archive) > maxZipped {
			return rouse.Package{}, tooLarge("RequestEntityTooLargeException", "Zipped size must be smaller than %d bytes", maxZipped)
		}
		return a.pack(r.Request.Context(), archive)
	}
	archive, err := a.object(r.Request.Context(), code)
	if err != nil {
		return rouse.Package{}, err
	}
	return a.pack(r.Request.Context(), archive)
}

// object reads what S3Bucket and S3Key name, and says in AWS's words why not.
func (a *api) object(ctx context.Context, code map[string]any) ([]byte, error) {
	text := func(member string) string {
		value, _ := code[member].(string)
		return value
	}
	if a.Objects == nil {
		return nil, unsupported("S3Bucket", "it has no S3; send the archive as ZipFile, or name an emulator that has one with rouse serve --aws-fallback")
	}
	if text("S3ObjectStorageMode") == "REFERENCE" {
		return nil, unsupported("S3ObjectStorageMode REFERENCE", "the archive is copied; leave it out")
	}
	bucket, key := text("S3Bucket"), text("S3Key")
	archive, err := a.Objects.Object(ctx, bucket, key, text("S3ObjectVersion"), maxUnzipped)
	var refusal *rouse.Error
	if !errors.As(err, &refusal) {
		return archive, err
	}
	switch refusal.Code {
	case rouse.NotFound:
		return nil, invalid("Error occurred while GetObject. %s", refusal.Message)
	case rouse.Denied:
		return nil, denied("Your access has been denied by S3, please make sure your request credentials have permission to GetObject for %s/%s. %s", bucket, key, refusal.Message)
	case rouse.TooLarge:
		return nil, invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	return nil, err
}

// pack stores an archive, or says in AWS's words why not.
func (a *api) pack(ctx context.Context, archive []byte) (rouse.Package, error) {
	pack, err := a.Packages.AddPackage(ctx, archive)
	switch rouse.CodeOf(err) {
	case rouse.Invalid:
		return pack, invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	case rouse.TooLarge:
		return pack, invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	if err == nil && pack.Files == 0 {
		return pack, invalid("Uploaded file must be a non-empty zip")
	}
	return pack, err
}
