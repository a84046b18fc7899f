// Package drivertest tests drivers and what uses them: Fake is a driver in
// memory, and Run is the conformance suite that every driver passes.
package drivertest
