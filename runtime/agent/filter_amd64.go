package agent

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	// foreignCalls is where the numbers of the x32 table begin, which has the
	// same architecture.
	foreignCalls = 0x40000000
)
