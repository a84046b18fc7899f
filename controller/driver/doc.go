// Package driver is the contract of everything that can make sandboxes.
//
// A sandbox is made first and given its revision second, so that making can be
// done ahead of need. A driver is a folder below this one; it passes
// drivertest's conformance suite and is named in one table in cmd/rouse.
// Drivers place rouse-agent in each sandbox and speak to it through Agents,
// which cmd/rouse joins to the implementation in runtime/link.
package driver
