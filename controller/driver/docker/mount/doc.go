// Package mount gives a running container another root filesystem.
//
// The container, a cell, was made from an image that is nearly empty. The root
// that a revision needs is put together from detached mounts, moved into the
// cell's mount namespace, and laid over the cell's "/". Processes that are in
// the cell already keep the old root; whoever calls chroot("..") at "/" enters
// the new one, and finds no way back, since every way up ends at the new root.
//
//	/              overlay of the image's layers, read-only, nosuid, nodev
//	/proc /sys     the cell's own, with what its engine masked or made read-only
//	/dev           likewise, with its /dev/shm
//	/etc/hosts …   the cell's own
//	/var/task      the code, read-only
//	/tmp           memory of its own size
//
// Every mount is private before it is attached: a shared one would appear on
// the host as well. The cell is named by a pidfd, checked against what the
// engine says of the process, since pids come round again. It needs root in the
// host's namespaces and Linux 6.5 or newer (overlay's lowerdir+).
package mount
