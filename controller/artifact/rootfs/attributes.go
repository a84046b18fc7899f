package rootfs

import (
	"archive/tar"
	"errors"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// xattrRecord begins the records of a tar header that are extended attributes.
const xattrRecord = "SCHILY.xattr."

// isKept says which extended attributes a file keeps. Those of others than the
// user are the host's to set (trusted.overlay.redirect would lead into other
// folders), or mean nothing on a nosuid mount (security.capability).
func isKept(attr string) bool {
	return strings.HasPrefix(attr, "user.") && !strings.HasPrefix(attr, "user.overlay.")
}

func checkOwner(name string, h *tar.Header) error {
	for _, id := range []int{h.Uid, h.Gid} {
		if id < 0 || int64(id) >= math.MaxUint32 { // the last one means "as it is"
			return rouse.Errorf(rouse.Invalid, "entry %s: owner %d:%d is none", quote(name), h.Uid, h.Gid)
		}
	}
	return nil
}

// setOwner gives what was made at base its owner, mode and time; a link has no mode.
func setOwner(at int, base string, h *tar.Header) error {
	if err := unix.Fchownat(at, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink { // after the owner, whose change takes set-id bits away
		if err := unix.Fchmodat(at, base, modeOf(h), 0); err != nil {
			return err
		}
	}
	return setTime(at, base, timeOf(h.ModTime))
}

// describe gives a folder its owner, mode and attributes.
func describe(at int, base string, h *tar.Header) error {
	if err := setOwner(at, base, h); err != nil {
		return err
	}
	for record := range h.PAXRecords {
		if !strings.HasPrefix(record, xattrRecord) {
			continue
		}
		fd, err := unix.Openat(at, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return errors.Join(setAttributes(fd, h), unix.Close(fd))
	}
	return nil
}

// setAttributes gives an open file the extended attributes that it keeps. A
// data directory on a file system without any does without.
func setAttributes(fd int, h *tar.Header) error {
	for record, value := range h.PAXRecords {
		attr, ok := strings.CutPrefix(record, xattrRecord)
		if !ok || !isKept(attr) {
			continue
		}
		err := unix.Fsetxattr(fd, attr, []byte(value), 0)
		switch {
		case errors.Is(err, unix.ENOTSUP):
			return nil
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.E2BIG), errors.Is(err, unix.ERANGE):
			return rouse.Errorf(rouse.Invalid, "entry %s: its attribute %s is too long for the disk", quote(h.Name), quote(attr))
		case err != nil:
			return err
		}
	}
	return nil
}

// setAttribute marks a folder, and refuses a link in its place.
func setAttribute(at int, base, attr, value string) error {
	fd, err := unix.Openat(at, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fsetxattr(fd, attr, []byte(value), 0), unix.Close(fd))
}

func setTime(at int, base string, when unix.Timespec) error {
	return unix.UtimesNanoAt(at, base, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

func modeOf(h *tar.Header) uint32 { return uint32(h.Mode) & 0o7777 }

// timeOf is a time that every disk takes.
func timeOf(t time.Time) unix.Timespec {
	if t.Unix() < 0 || t.Unix() > math.MaxUint32 {
		return unix.Timespec{}
	}
	return unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
}

// isWhiteout says whether overlayfs takes a file for one.
func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}
