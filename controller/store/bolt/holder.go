package bolt

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// holder names the process that has path locked, as " (pid 123)", where the
// kernel tells: /proc/locks has lines such as
//
//	1: FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF
func holder(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return ""
	}
	inode := fmt.Sprintf(":%d", stat.Ino)
	for line := range strings.Lines(string(locks)) {
		f := strings.Fields(line)
		if len(f) >= 6 && f[1] == "FLOCK" && f[3] == "WRITE" && strings.HasSuffix(f[5], inode) && f[4] != "0" {
			return " (pid " + f[4] + ")"
		}
	}
	return ""
}
