package lambdaapi

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const (
	// packagesPath is where code is fetched: whoever knows a digest may read what
	// it names.
	packagesPath = "/2015-03-31/packages/"
	// treePrefix marks the digest of a tree that has no archive of its own.
	treePrefix = "tree-"
)

// Invokes says whether a request runs a function, and does nothing else.
func Invokes(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	for _, end := range []string{invokePath, "/response-streaming-invocations", "/invoke-async", "/invoke-async/"} {
		if strings.HasSuffix(r.URL.EscapedPath(), end) {
			return true
		}
	}
	return false
}

// Unsigned says whether AWS's clients make a request without a signature: they
// fetch code where they were told that it is.
func Unsigned(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, packagesPath)
}

// download answers with an archive, as it was uploaded where it was.
func (a *api) download(c *gateway.Call, digest string) error {
	h := c.Writer.Header()
	if tree, ok := strings.CutPrefix(digest, treePrefix); ok {
		h.Set("Content-Type", "application/zip")
		err := a.Packages.WriteZip(c.Request.Context(), c.Writer, "sha256:"+tree)
		if gateway.Sent(c.Writer) == 0 && rouse.CodeOf(err) == rouse.NotFound {
			return absent()
		}
		return err
	}
	f, err := a.Packages.OpenPackage("sha256:" + digest)
	if rouse.CodeOf(err) == rouse.NotFound {
		return absent()
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read-only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	c.Writer.WriteHeader(http.StatusOK)
	_, err = io.Copy(c.Writer, f)
	return err
}

// absent is AWS's answer to most that does not exist and is no function.
func absent() error { return missing("The resource you requested does not exist.") }
