package lambdaapi

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

// shelf is an object store: archives by "bucket/key", an error for whatever else.
type shelf struct {
	objects map[string]string
	refusal error
	version string // that was asked for last
}

func (s *shelf) Object(_ context.Context, bucket, key, version string, limit int64) ([]byte, error) {
	s.version = version
	if text, ok := s.objects[bucket+"/"+key]; ok && int64(len(text)) <= limit {
		return []byte(text), nil
	}
	return nil, s.refusal
}

const storedCode = `"S3Bucket":"code","S3Key":"a/b c.zip"`

// stored is a CreateFunction of g whose code is elsewhere.
func stored(code string) string {
	return `{"FunctionName":"g","Runtime":"python3.11","Handler":"app.handler","Role":"arn:aws:iam::000000000000:role/r","Code":{` + code + `}}`
}

func withObjects(s Objects) http.Handler {
	c := newWorld().config()
	c.Objects = s
	return New(c)
}

func TestCodeIsReadFromABucket(t *testing.T) {
	s := &shelf{objects: map[string]string{"code/a/b c.zip": "PK and more"}}
	h := withObjects(s)
	for _, c := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"POST", "/2015-03-31/functions", stored(storedCode + `,"S3ObjectVersion":"v7"`), `"CodeSize":11`, 201},
		{"PUT", "/2015-03-31/functions/g/code", `{` + storedCode + `}`, `"CodeSize":11`, 200},
		{"POST", "/2018-10-31/layers/l/versions", `{"Content":{` + storedCode + `,"S3ObjectStorageMode":"COPY","S3ObjectVersion":"v7"}}`, `"CodeSize":11`, 201},
	} {
		if got := call(h, c.method, c.path, c.body); got.Code != c.status || !strings.Contains(got.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.path, got.Code, got.Body)
		}
		if versioned := strings.Contains(c.body, "v7"); versioned != (s.version == "v7") {
			t.Errorf("%s: version %q was read", c.path, s.version)
		}
	}
}

func TestCodeThatABucketDoesNotGiveIsRefusedInAWSsWords(t *testing.T) {
	const absent = "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
	for _, c := range []struct {
		refusal error
		code    string
		status  int
		says    string
	}{
		{rouse.Errorf(rouse.NotFound, absent), storedCode, 400, "Error occurred while GetObject. " + absent},
		{rouse.Errorf(rouse.Denied, "S3 Error Code: AccessDenied. S3 Error Message: Access Denied"), storedCode, 403, "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for code/a/b c.zip. S3 Error Code: AccessDenied."},
		{rouse.Errorf(rouse.TooLarge, "too large"), storedCode, 400, "Unzipped size must be smaller than 262144000 bytes"},
		{rouse.Errorf(rouse.Unavailable, "the emulator cannot be reached"), storedCode, 500, "the emulator cannot be reached"},
		{nil, storedCode + `,"ZipFile":"UEs="`, 400, "Please do not provide other FunctionCode parameters when providing a ZipFile."},
		{nil, `"S3Bucket":"code"`, 400, "Please provide a source for function code."},
		{nil, `"S3Key":"k"`, 400, "Please provide a source for function code."},
		{nil, storedCode + `,"S3ObjectStorageMode":"REFERENCE"`, 400, "S3ObjectStorageMode REFERENCE is not available"},
	} {
		h := withObjects(&shelf{refusal: c.refusal})
		if got := call(h, "POST", "/2015-03-31/functions", stored(c.code)); got.Code != c.status || !strings.Contains(got.Body.String(), c.says) {
			t.Errorf("%s: %d %s, want %s", c.code, got.Code, got.Body, c.says)
		}
		if got := call(h, "GET", "/2015-03-31/functions/g", ""); got.Code != 404 {
			t.Errorf("%s: the function was made: %s", c.code, got.Body)
		}
	}
}
