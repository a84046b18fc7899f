package docker

import (
	"archive/tar"
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/rousehq/rouse"
)

// user is whom a function runs as.
type user struct {
	uid, gid int
	groups   []int
	home     string
}

// sandboxUser runs the code of base images that name nobody.
var sandboxUser = user{uid: 1051, gid: 1051, home: "/tmp"}

// userOf is whom the image's configuration names. Names are looked up in the
// image's own files.
func (d *Driver) userOf(ctx context.Context, img image, runtime bool, read func(context.Context, string) (string, error)) (user, error) {
	switch {
	case img.user == "" && runtime:
		return sandboxUser, nil
	case img.user == "":
		return user{home: "/root"}, nil
	}
	d.mu.Lock()
	u, ok := d.users[img.id]
	d.mu.Unlock()
	if ok {
		return u, nil
	}
	passwd, err := read(ctx, "/etc/passwd")
	if err != nil {
		return user{}, err
	}
	group, err := read(ctx, "/etc/group")
	if err != nil {
		return user{}, err
	}
	if u, err = parseUser(img.user, passwd, group); err != nil {
		return user{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users[img.id] = u
	return u, nil
}

// readFile reads a small file of the container; one that is not there is empty.
func (s *sandbox) readFile(ctx context.Context, path string) (content string, err error) {
	const most = 1 << 20
	err = call(ctx, "reading "+path, func(ctx context.Context) error {
		archive, _, err := s.d.api.CopyFromContainer(ctx, s.container, path)
		if errdefs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		defer archive.Close()
		files := tar.NewReader(archive)
		if _, err := files.Next(); err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(files, most))
		content = string(b)
		return err
	})
	return content, err
}

// parseUser reads an image's "user", "uid", "user:group" or "uid:gid" as Docker
// does: a number needs no entry, and a user without a group has its own.
func parseUser(spec, passwd, group string) (user, error) {
	name, groupName, grouped := strings.Cut(spec, ":")
	u := user{home: "/"}
	entry := entryOf(passwd, name, 7)
	switch {
	case entry != nil:
		var errUID, errGID error
		u.uid, errUID = parseID(entry[2])
		u.gid, errGID = parseID(entry[3])
		if errUID != nil || errGID != nil {
			return user{}, rouse.Errorf(rouse.StartFailed, "user %q: its entry in the image's /etc/passwd is broken", name)
		}
		name, u.home = entry[0], entry[5]
	default:
		uid, err := parseID(name)
		if err != nil {
			return user{}, rouse.Errorf(rouse.StartFailed, "user %q: the image names it but has no such user", name)
		}
		u.uid = uid
	}
	if !grouped {
		u.groups = groupsOf(group, name)
		return u, nil
	}
	if entry := entryOf(group, groupName, 4); entry != nil {
		groupName = entry[2]
	}
	gid, err := parseID(groupName)
	if err != nil {
		return user{}, rouse.Errorf(rouse.StartFailed, "group %q: the image names it but has no such group", groupName)
	}
	u.gid = gid
	return u, nil
}

// entryOf finds the line of /etc/passwd or /etc/group with this name, or else
// with this number.
func entryOf(file, nameOrID string, fields int) []string {
	var byID []string
	for line := range strings.Lines(file) {
		entry := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(entry) < fields {
			continue
		}
		if entry[0] == nameOrID {
			return entry
		}
		if entry[2] == nameOrID && byID == nil {
			byID = entry
		}
	}
	return byID
}

// groupsOf lists the groups that have the user as a member.
func groupsOf(file, name string) []int {
	var groups []int
	for line := range strings.Lines(file) {
		entry := strings.Split(strings.TrimSpace(line), ":")
		if len(entry) < 4 {
			continue
		}
		for member := range strings.SplitSeq(entry[3], ",") {
			if gid, err := parseID(entry[2]); err == nil && member == name {
				groups = append(groups, gid)
			}
		}
	}
	return groups
}

func parseID(s string) (int, error) {
	id, err := strconv.ParseUint(s, 10, 31)
	return int(id), err
}
