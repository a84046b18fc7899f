// Package docker is the driver on a Docker engine. Each sandbox is a container,
// made on demand for one revision: from the function's own image, or from its
// runtime's base image with the code mounted read-only at /var/task.
//
// A container has no network (or a bridge of its own kind, on which containers
// do not reach each other), a read-only root, a /tmp of its own size in memory,
// limits of memory, CPU and processes, no new privileges and the engine's
// seccomp filter. The agent is its first process and holds four capabilities;
// the function holds none. What /tmp holds counts towards the memory limit,
// since it is memory. A volume that the image declares is such a folder too,
// and starts empty. The engine logs nothing: output comes through the agent.
//
// Ends are learned from the engine's events and from the agent's connection,
// whichever comes first. The engine has to share this host's kernel, because the
// agent passes sockets; Docker Desktop and remote engines do not.
package docker
