package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxString is the kernel's limit for one option of a filesystem.
const maxString = 255

// MakeUpper makes what a Root's Upper has in it.
func MakeUpper(dir string) error {
	for _, name := range []string{upperDir, workDir} {
		// The mode of the upper one is that of the root, whatever the umask is.
		name = filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(name, 0o755), os.Chmod(name, 0o755)); err != nil {
			return err
		}
	}
	return nil
}

const (
	upperDir = "upper"
	workDir  = "work"
)

// overlay joins layers, the topmost first, to a detached mount. It is read-only
// unless upper is a folder for what is written; then nothing of it is synced to
// the disk, since it is not to outlive its mount.
func overlay(layers []string, upper string) (int, error) {
	attrs := locked
	if upper == "" {
		attrs |= unix.MOUNT_ATTR_RDONLY
	}
	switch {
	case len(layers) == 0:
		return -1, errors.New("no layers")
	case len(layers) == 1 && upper == "": // one alone is simply bound
		return clone(unix.AT_FDCWD, layers[0], 0, uint64(attrs))
	}
	return filesystem("overlay", attrs, func(fs int) error {
		// What an image's files say of redirection is not believed.
		options := [][2]string{{"metacopy", "off"}, {"redirect_dir", "nofollow"}}
		if upper != "" {
			options = append(options,
				[2]string{"upperdir", filepath.Join(upper, upperDir)}, [2]string{"workdir", filepath.Join(upper, workDir)})
			if err := unix.FsconfigSetFlag(fs, "volatile"); err != nil {
				return fmt.Errorf("volatile: %w", err)
			}
		}
		for _, dir := range layers {
			if len(dir) > maxString {
				return fmt.Errorf("layer %s: its path is longer than %d bytes", dir, maxString)
			}
			options = append(options, [2]string{"lowerdir+", dir})
		}
		for _, o := range options {
			if err := unix.FsconfigSetString(fs, o[0], o[1]); err != nil {
				return fmt.Errorf("%s=%s: %w", o[0], o[1], err)
			}
		}
		return nil
	})
}

// memory is a detached tmpfs of a size, in which programs may lie.
func memory(size int64) (int, error) {
	return filesystem("tmpfs", locked, func(fs int) error {
		if err := unix.FsconfigSetString(fs, "size", strconv.FormatInt(size, 10)); err != nil {
			return err
		}
		return unix.FsconfigSetString(fs, "mode", "1777")
	})
}

// filesystem makes a detached mount of a new filesystem.
func filesystem(kind string, attrs int, configure func(fs int) error) (int, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen "+kind, err)
	}
	defer unix.Close(fs)
	if err := configure(fs); err != nil {
		return -1, explain(fs, kind, err)
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, explain(fs, kind, err)
	}
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
	if err != nil {
		return -1, explain(fs, kind, err)
	}
	return mnt, nil
}

// explain adds what the kernel has to say about a filesystem that it refused.
func explain(fs int, kind string, err error) error {
	var said []string
	b := make([]byte, 256)
	for {
		n, readErr := unix.Read(fs, b)
		if readErr != nil || n <= 0 {
			break
		}
		said = append(said, strings.TrimSpace(string(b[:n])))
	}
	if len(said) == 0 {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return fmt.Errorf("%s: %w (%s)", kind, err, strings.Join(said, "; "))
}

// clone is a detached copy of the mount at path, private to whoever has it.
func clone(dir int, path string, flags uint, attrs uint64) (int, error) {
	fd, err := unix.OpenTree(dir, path, flags|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return -1, os.NewSyscallError("open_tree "+path, err)
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{
		Attr_set:    attrs,
		Propagation: unix.MS_PRIVATE,
	})
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("mount_setattr "+path, err)
	}
	return fd, nil
}

// move attaches the mount of from, with all that is on it, at path.
func move(from, dir int, path string) error {
	return os.NewSyscallError("move_mount", unix.MoveMount(from, "", dir, path, unix.MOVE_MOUNT_F_EMPTY_PATH))
}
