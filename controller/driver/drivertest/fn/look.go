package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// look says all that the function can see of its sandbox, under names that are
// the same in every sandbox.
func look() map[string]string {
	seen := make(map[string]string)
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		seen["env "+name] = value
	}
	for _, file := range []string{"/proc/self/limits", "/proc/self/oom_score_adj", "/proc/thread-self/status", "/etc/resolv.conf", "/etc/passwd"} {
		b, err := os.ReadFile(file)
		if err != nil {
			seen[file] = err.Error()
			continue
		}
		if file == "/proc/thread-self/status" {
			status(seen, b)
			continue
		}
		seen[file] = string(b)
	}
	for _, dir := range []string{"/", "/dev", "/etc", "/proc/1", "/sys", "/sys/fs/cgroup", "/tmp", "/var", "/var/task"} {
		list(seen, dir)
	}
	mounts(seen)
	host, _ := os.Hostname()
	hosts, _ := os.ReadFile("/etc/hosts")
	hostname, _ := os.ReadFile("/etc/hostname")
	seen["hostname"] = fmt.Sprintf("%d letters, /etc/hostname agrees: %t, /etc/hosts has localhost: %t", len(host),
		strings.TrimSpace(string(hostname)) == host, bytes.Contains(hosts, []byte("localhost")))
	for _, path := range []string{"/", "/etc/hosts", "/dev/new", "/dev/shm/new", "/proc/sys/kernel/domainname", "/sys/new", "/run/new", "/tmp/new", "/var/task/new"} {
		seen["write "+path] = outcome(os.WriteFile(path, nil, 0o600))
	}
	return seen
}

// status keeps what of /proc/self/status says what the process may do.
func status(seen map[string]string, b []byte) {
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		switch key {
		case "Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			seen["status "+key] = strings.TrimSpace(value)
		}
	}
}

func list(seen map[string]string, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		seen["list "+dir] = err.Error()
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Lstat(path)
		if err != nil {
			seen["file "+path] = err.Error()
			continue
		}
		stat := info.Sys().(*syscall.Stat_t)
		seen["file "+path] = fmt.Sprintf("%s %d:%d dev %x", info.Mode(), stat.Uid, stat.Gid, stat.Rdev)
	}
}

// mounts says of every mount point its kind and its options, in their order.
func mounts(seen map[string]string) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		seen["mounts"] = err.Error()
	}
	for line := range strings.Lines(string(b)) {
		mount, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		options := strings.Split(fields[5], ",")
		sort.Strings(options)
		seen["mount "+fields[4]] = strings.Fields(kind)[0] + " " + strings.Join(options, ",")
	}
}

func outcome(err error) string {
	if err == nil {
		return "possible"
	}
	return err.Error()
}
