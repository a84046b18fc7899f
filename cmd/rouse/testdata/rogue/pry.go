package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// search looks for a word, which it is told backwards, in all that it can read
// below "/", and says where it found it and in how many files it looked.
func search(backwards string) any {
	word := []byte(backwards)
	slices.Reverse(word)
	found, looked := []string{}, 0
	own := fmt.Sprintf("/proc/%d/", os.Getpid())
	_ = filepath.WalkDir("/", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case path == "/sys" || path == strings.TrimSuffix(own, "/") || path == "/proc/self" || path == "/proc/thread-self":
			return fs.SkipDir
		case strings.HasPrefix(path, "/proc/") && entry.IsDir() && strings.Count(path, "/") > 2:
			return fs.SkipDir // threads and the like say the same again
		case !entry.Type().IsRegular():
			return nil
		}
		if holds(path, word) {
			found = append(found, path)
		}
		looked++
		return nil
	})
	if holds(own+"environ", word) {
		found = append(found, "own environment")
	}
	return map[string]any{"found": found, "looked": looked}
}

func holds(path string, word []byte) bool {
	const most = 8 << 20
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_ = f.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // of those that wait for news
	b, _ := io.ReadAll(io.LimitReader(f, most))
	return bytes.Contains(b, word)
}

// reach tries to connect to each address, "network address" by comma, and says
// which could be reached.
func reach(addresses string) any {
	reached := []string{}
	for address := range strings.SplitSeq(addresses, ",") {
		network, where, _ := strings.Cut(address, " ")
		c, err := net.DialTimeout(network, where, 300*time.Millisecond)
		if err == nil {
			c.Close()
			reached = append(reached, address)
		}
	}
	return reached
}

// exhaust takes as much of something as there is, at most n, keeps it and says
// how much that was.
func exhaust(what string, n int) (any, error) {
	var take func(i int) error
	switch what {
	case "processes":
		take = func(int) error { return exec.Command("/proc/self/exe", "daemon", "x").Start() }
	case "descriptors":
		take = func(int) error {
			f, err := os.Open("/")
			descriptors = append(descriptors, f)
			return err
		}
	case "names":
		take = func(i int) error { return os.WriteFile(tmp(fmt.Sprint("name", i)), nil, 0o600) }
	case "disk":
		block := make([]byte, 1<<20)
		take = func(i int) error { return os.WriteFile(fmt.Sprint("/disk", i), block, 0o600) }
	default:
		return nil, fmt.Errorf("cannot exhaust %q", what)
	}
	for i := range n {
		if err := take(i); err != nil {
			return map[string]any{"took": i, "error": err.Error()}, nil
		}
	}
	return map[string]any{"took": n}, nil
}

// descriptors keeps files from being closed.
var descriptors []*os.File
