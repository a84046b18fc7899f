package main

import (
	"regexp"
	"strings"

	"github.com/rousehq/rouse"
)

// needsCaps is what programs print that may not change users or owners: the
// system call or program that does so, and the system's own words for it.
var needsCaps = regexp.MustCompile(
	`(?i)\b(l?chown|fchownat|chgrp|changing (owner|group)|set(e|re|res|fs)?[ug]id|setgroups|initgroups|mknod|capset|gosu|su-exec|setpriv|runuser|chpst|failed switching to|drop(ping)? privileges)\b.*operation not permitted`)

// readOnly is what they print that may not write.
var readOnly = regexp.MustCompile(`(?i)\bread-only file ?system\b|\bEROFS\b`)

// advice is what may help a start of spec that failed with log as its last words,
// or "". late says that its time was over.
func advice(spec *rouse.Spec, log string, late bool) string {
	// Runtimes of ours poll by themselves.
	if late && spec.Contract == rouse.ContractLambda && (spec.Artifact.Image != "" || strings.HasPrefix(spec.Runtime, "provided")) {
		return "contract lambda is for what polls Lambda's Runtime API: if this is an HTTP server, try --contract http"
	}
	if spec.Artifact.Image != "" && spec.Caps == rouse.CapsNone && needsCaps.MatchString(log) {
		return "its entry point seems to need Docker's default capabilities: try --caps default"
	}
	if !spec.Writable && readOnly.MatchString(log) {
		return "it seems to write outside of /tmp, which is read-only: try --writable"
	}
	return ""
}
