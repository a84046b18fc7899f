// Package rouse speaks the words of the platform: functions that sleep until
// they are called, the revisions they are made of, the sandboxes and instances
// that run them, and the leases under which requests reach them.
//
// It holds types, their rules and their errors, and imports only the standard
// library. The halls built on it (gateway, controller, runtime) never import
// one another; what two of them share is declared here.
package rouse
