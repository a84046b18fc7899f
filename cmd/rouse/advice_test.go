package main

import (
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

func TestAFailedStartSaysWhichFlagWouldHelp(t *testing.T) {
	image := rouse.Spec{Artifact: rouse.Artifact{Image: "x"}}
	for _, log := range []string{
		"chown: changing ownership of '/var/lib/x': Operation not permitted",
		"error: failed switching to \"app\": operation not permitted",
		"su-exec: setgroups(0): Operation not permitted",
		"starting\nsetpriv: setresuid failed: Operation not permitted\nbye",
		"nginx: [emerg] chown(\"/var/cache/nginx/client_temp\", 101) failed (1: Operation not permitted)",
		"setgid(101) failed (1: Operation not permitted)",
		"chown /tmp/data: operation not permitted",
	} {
		if advice(&image, log, false) == "" {
			t.Errorf("no advice for %q", log)
		}
		with, code := image, image
		with.Caps = rouse.CapsDefault
		code.Artifact = rouse.Artifact{Code: "sha256:1"}
		for _, spec := range []rouse.Spec{with, code} {
			if got := advice(&spec, log, false); got != "" {
				t.Errorf("advice that cannot help: %q for %q", got, log)
			}
		}
	}
	for _, log := range []string{
		"mkdir: cannot create directory '/run/x': Read-only file system",
		"OSError: [Errno 30] Read-only file system: '/app/cache'", "Error: EROFS: read-only file system, open '/srv/x'",
	} {
		if got := advice(&image, log, false); !strings.Contains(got, "--writable") {
			t.Errorf("%q leads to %q", log, got)
		}
		with := image
		with.Writable = true
		if got := advice(&with, log, false); got != "" {
			t.Errorf("advice that cannot help: %q for %q", got, log)
		}
	}
	for _, log := range []string{
		"", "Operation not permitted", "PermissionError: [Errno 1] Operation not permitted: 'mount'",
		"chown: fine\nsomething else: Operation not permitted", "setuid: Invalid argument",
	} {
		if got := advice(&image, log, false); got != "" {
			t.Errorf("%q leads to %q", log, got)
		}
	}
}

func TestAnHTTPServerThatPollsNothingIsToldItsContract(t *testing.T) {
	image, provided := rouse.Artifact{Image: "x"}, rouse.Artifact{Code: "sha256:1"}
	for _, c := range []struct {
		spec rouse.Spec
		late bool
		want bool
	}{
		{rouse.Spec{Contract: rouse.ContractLambda, Artifact: image}, true, true},
		{rouse.Spec{Contract: rouse.ContractLambda, Artifact: provided, Runtime: "provided.al2023"}, true, true},
		{rouse.Spec{Contract: rouse.ContractLambda, Artifact: provided, Runtime: "python3.11"}, true, false},
		{rouse.Spec{Contract: rouse.ContractLambda, Artifact: image}, false, false},
		{rouse.Spec{Contract: rouse.ContractHTTP, Artifact: image}, true, false},
	} {
		if got := advice(&c.spec, "", c.late); strings.Contains(got, "--contract http") != c.want {
			t.Errorf("%+v, late %v: %q", c.spec, c.late, got)
		}
	}
}
