// Package filter matches JSON documents against the event patterns of AWS:
// nested fields whose values are lists of what is wanted, with prefix, suffix,
// anything-but, numeric, exists, equals-ignore-case, wildcard, cidr and $or. It
// is pure. A pattern that is wrong is refused with the place of the fault.
package filter
