package docker

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rousehq/rouse"
)

// Who is not in the engine's group learns it from --driver auto's reason, too.
func TestAnEngineThatMayNotBeUsedIsToldFromOneThatIsAway(t *testing.T) {
	for want, err := range map[string]error{
		"may not use the Docker engine's socket": &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)},
		"does not answer":                        io.ErrUnexpectedEOF,
	} {
		got := call(t.Context(), "asking", func(context.Context) error { return err })
		if rouse.CodeOf(got) != rouse.Unavailable || !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v, want %q", err, got, want)
		}
	}
}
