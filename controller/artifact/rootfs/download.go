package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rousehq/rouse"
)

// fruitless is how many times in a row a blob may be asked for without a byte.
const fruitless = 5

// part is a blob that is being downloaded.
type part struct {
	blob   Blob
	file   *os.File
	have   int64
	digest hash.Hash // of what is had
	meter  *meter
}

// download has a blob in a file of its own, whole and with the right digest. The
// caller has claimed it. What was had before an error stays, unless it is wrong
// or the disk is full.
func (s *Store) download(ctx context.Context, p Published, b Blob, m *meter) (name string, err error) {
	short, _ := hexOf(b.Digest)
	name = filepath.Join(s.dir, partDir, short)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	d := &part{blob: b, file: f, meter: m}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil && (d.have == 0 || isFull(err) || rouse.CodeOf(err) == rouse.Invalid) {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	if err := d.resume(ctx); err != nil {
		return "", err
	}
	began := d.have
	if err = d.complete(ctx, p.Open); err == nil && !d.right() && began > 0 {
		// What an earlier process left may be torn: it is worth one more look.
		if err = d.restart(); err == nil {
			err = d.complete(ctx, p.Open)
		}
	}
	if err == nil && !d.right() {
		err = rouse.Errorf(rouse.Invalid, "layer %s: the registry sent other bytes than those of this digest", b.Digest)
	}
	return name, err
}

// resume reads what an earlier download left.
func (d *part) resume(ctx context.Context) (err error) {
	d.digest = sha256.New()
	if d.have, err = io.Copy(d.digest, &source{ctx: ctx, r: d.file}); err != nil {
		return err
	}
	if d.have > d.blob.Size {
		return d.restart()
	}
	d.meter.add(d.have)
	return nil
}

func (d *part) restart() error {
	d.meter.add(-min(d.have, d.blob.Size))
	d.have, d.digest = 0, sha256.New()
	if err := d.file.Truncate(0); err != nil {
		return err
	}
	_, err := d.file.Seek(0, io.SeekStart)
	return err
}

func (d *part) right() bool {
	return "sha256:"+hex.EncodeToString(d.digest.Sum(nil)) == d.blob.Digest
}

// complete downloads what is missing, again and again as long as that brings
// anything.
func (d *part) complete(ctx context.Context, open func(context.Context, Blob, int64) (io.ReadCloser, int64, error)) error {
	for tries := 0; d.have < d.blob.Size; tries++ {
		before := d.have
		err := d.some(ctx, open)
		var last *rouse.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			continue
		case errors.As(err, &last) || isDisk(err):
			return err
		case d.have > before:
			tries = 0
		case tries >= fruitless-1:
			return &rouse.Error{
				Code: rouse.Unavailable, RetryAfter: time.Second, Cause: err,
				Message: fmt.Sprintf("layer %s: the download broke off at %s of %s; another deployment goes on from there", d.blob.Digest, rounded(rouse.Bytes(d.have)), rounded(rouse.Bytes(d.blob.Size))),
			}
		}
		select {
		case <-time.After(100 * time.Millisecond << tries):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// some reads what one request brings.
func (d *part) some(ctx context.Context, open func(context.Context, Blob, int64) (io.ReadCloser, int64, error)) error {
	body, at, err := open(ctx, d.blob, d.have)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // what it had to say was read
	switch {
	case at == 0 && d.have > 0:
		if _, err := io.CopyN(io.Discard, body, d.have); err != nil {
			return err
		}
	case at != d.have:
		return fmt.Errorf("bytes from %d on were asked for, and from %d on came", d.have, at)
	}
	_, err = io.Copy(d, io.LimitReader(body, d.blob.Size-d.have))
	if err == nil && d.have < d.blob.Size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Write adds to what is had.
func (d *part) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.digest.Write(p[:n]) //nolint:errcheck // a hash takes everything
	d.have += int64(n)
	d.meter.add(int64(n))
	return n, err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isDisk tells trouble with a file from trouble with the network.
func isDisk(err error) bool {
	var file *os.PathError
	return errors.As(err, &file)
}

// dropParts removes downloads that nobody has gone on with for a while.
func (s *Store) dropParts() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, partDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < s.options.Grace || s.downloads.held("sha256:"+e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, partDir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
