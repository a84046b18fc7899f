package main

import (
	"regexp"

	"github.com/rousehq/rouse"
)

// needsCaps is what programs print that may not change users or owners: the
// system call or program that does so, and the system's own words for it.
var needsCaps = regexp.MustCompile(
	`(?i)\b(l?chown|fchownat|chgrp|changing (owner|group)|set(e|re|res|fs)?[ug]id|setgroups|initgroups|mknod|capset|gosu|su-exec|setpriv|runuser|chpst|failed switching to|drop(ping)? privileges)\b.*operation not permitted`)

// readOnly is what they print that may not write.
var readOnly = regexp.MustCompile(`(?i)\bread-only file ?system\b|\bEROFS\b`)

// advice is what may help a start of spec that failed with log as its last words, or "".
func advice(spec *rouse.Spec, log string) string {
	if spec.Artifact.Image != "" && spec.Caps == rouse.CapsNone && needsCaps.MatchString(log) {
		return "its entry point seems to need Docker's default capabilities: try --caps default"
	}
	if !spec.Writable && readOnly.MatchString(log) {
		return "it seems to write outside of /tmp, which is read-only: try --writable"
	}
	return ""
}
