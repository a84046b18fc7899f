package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/rousehq/rouse"
)

// Open asks for a layer's bytes from offset from on. They begin at offset at,
// which is 0 where the registry gives no parts. Reading fails when nothing comes
// for a while; nothing is verified. The caller closes body.
//
// A rouse.Error is the registry's last word; after any other error, of body too,
// trying again may help.
func (i *Image) Open(ctx context.Context, l Layer, from int64) (body io.ReadCloser, at int64, err error) {
	limited, cancel := context.WithCancel(ctx)
	b := &flow{cancel: cancel, limit: i.client.stall}
	b.watch = time.AfterFunc(b.limit, cancel)
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	url := fmt.Sprintf("%s://%s/v2/%s/blobs/%s", i.repo.Scheme(), i.repo.RegistryStr(), i.repo.RepositoryStr(), l.Digest)
	req, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, l.Size-1))
	}
	resp, err := i.blobs.Do(req)
	if err != nil {
		return nil, 0, err
	}
	b.body = resp.Body
	switch {
	case resp.StatusCode == http.StatusOK:
		return b, 0, nil
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)):
		return b, from, nil
	case resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		if err := resp.Body.Close(); from == 0 || err != nil {
			return nil, 0, fmt.Errorf("the registry answered %s", resp.Status)
		}
		b.stop()
		return i.Open(ctx, l, 0)
	}
	defer resp.Body.Close()
	return nil, 0, final(ctx, i, l, resp)
}

// final tells an answer that stays the same from one that may pass.
func final(ctx context.Context, i *Image, l Layer, resp *http.Response) error {
	err := transport.CheckError(resp, http.StatusOK)
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout {
		return err
	}
	if resp.StatusCode == http.StatusNotFound {
		return &rouse.Error{
			Code:    rouse.StartFailed,
			Message: fmt.Sprintf("image %s: the registry %s has lost its layer %s; push it again", i.Pinned, i.repo.RegistryStr(), l.Digest),
			Cause:   err,
		}
	}
	return explain(ctx, i.Pinned, i.repo, err)
}

// flow is a body that ends its request when it stands still.
type flow struct {
	body   io.ReadCloser
	cancel context.CancelFunc
	watch  *time.Timer
	limit  time.Duration
}

func (f *flow) Read(p []byte) (int, error) {
	n, err := f.body.Read(p)
	if err == nil {
		f.watch.Reset(f.limit)
	}
	return n, err
}

func (f *flow) stop() {
	f.watch.Stop()
	f.cancel()
}

func (f *flow) Close() error {
	err := f.body.Close()
	f.stop()
	return err
}
