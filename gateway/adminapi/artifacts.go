package adminapi

import (
	"io"
	"net/http"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// upload takes a zip archive and answers with the digest under which
// deployments name it.
func (a *api) upload(c *gateway.Call) error {
	if c.Request.ContentLength > int64(a.MaxUpload) {
		return uploadTooLarge(a.MaxUpload)
	}
	body := &archive{call: c, control: http.NewResponseController(c.Writer), limit: a.MaxUpload, left: int64(a.MaxUpload)}
	artifact, err := a.Uploads.AddZip(c.Request.Context(), body)
	if body.err != nil {
		return body.err
	}
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, artifact)
}

func uploadTooLarge(most rouse.Bytes) error {
	return rouse.Errorf(rouse.TooLarge, "code: over the limit of %s, packed; rouse serve --max-code sets it", most)
}

// archive reads an upload within its limit and, so that a stalled client ends,
// gives each piece its own time. err is why it ended early.
type archive struct {
	call    *gateway.Call
	control *http.ResponseController
	limit   rouse.Bytes
	left    int64
	err     error
}

func (r *archive) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	r.control.SetReadDeadline(time.Now().Add(slowBody)) //nolint:errcheck // what cannot do it has no client
	n, err := r.call.Request.Body.Read(p)
	if r.left -= int64(n); r.left < 0 {
		r.err = uploadTooLarge(r.limit)
		return n - 1, r.err
	}
	if err != nil && err != io.EOF {
		r.err = gateway.Unread(r.call, err, slowBody)
		return n, r.err
	}
	r.control.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	return n, err
}
