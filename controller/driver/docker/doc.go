// Package docker is the driver on a Docker engine. Each sandbox is a container
// for one revision. It is made in one of two ways, which look the same from within:
//
//   - plain: on demand, from the function's own image, or from its runtime's base
//     image with the code mounted read-only at /var/task;
//   - as a cell: ahead of need, from an image of empty folders. When it is given
//     its revision, package mount lays the unpacked files of the image over its
//     root, and the limits are set on the running container.
//
// A cell that cannot be used gives way to a plain container of the same id, and
// cells that fail one after another are given up: they are a faster tier, never
// a reason for an error.
//
// A container has no network (or a bridge of its own kind, on which containers
// do not reach each other), a root that is read-only unless the revision asks for
// one that it may write (whose disk is watched), a /tmp of its own size in memory,
// limits of memory, CPU and processes, no new privileges and the engine's
// seccomp filter. The agent is its first process and holds four capabilities;
// the function holds none, and has a control group of its own inside the container's,
// with its memory limit. What /tmp holds counts towards the memory limit,
// since it is memory. A volume that the image declares is such a folder too,
// and starts empty. The engine logs nothing: output comes through the agent.
//
// Ends are learned from the engine's events and from the agent's connection,
// whichever comes first. An engine that does not share this host's kernel, as
// Docker Desktop's, makes plain containers only, and their agents relay.
package docker
