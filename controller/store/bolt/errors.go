package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/rousehq/rouse"
)

var (
	errForeign = errors.New("not a file of rouse")
	errDamaged = errors.New("the file is damaged")
)

type schemaError struct{ got, want string }

func (e *schemaError) Error() string { return "schema " + e.got }

// guard turns what bbolt does over a damaged file, a panic or a memory fault,
// into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	return f()
}

// explain gives the file's troubles words for whoever runs Rouse.
func explain(path string, err error) error {
	var unknown *schemaError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return rouse.Errorf(rouse.Invalid, "%s has schema %q, this rouse knows %s; use the version that wrote it. The file was not changed", path, unknown.got, unknown.want)
	case errors.Is(err, errForeign), errors.Is(err, berrors.ErrVersionMismatch):
		return rouse.Errorf(rouse.Invalid, "%s was not written by rouse. The file was not changed", path)
	case errors.Is(err, errDamaged), errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum):
		return &rouse.Error{
			Code:    rouse.Internal,
			Message: path + " is damaged or no file of rouse; restore it from a backup, or move it away to start empty",
			Cause:   err,
		}
	case full(err):
		return &rouse.Error{
			Code:    rouse.Unavailable,
			Message: "the disk of the data directory is full; nothing was changed",
			Cause:   err,
		}
	}
	return err
}

// full looks into the text too, since bbolt does not wrap every error.
func full(err error) bool {
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, no) || strings.Contains(err.Error(), no.Error()) {
			return true
		}
	}
	return errors.Is(err, berrors.ErrMaxSizeReached)
}
