// Package compat holds the compatibility suite: AWS's own clients against a
// running Rouse, whose address ROUSE_ENDPOINT has. scripts/compat.sh runs it,
// with the tests in Python beside it.
package compat
