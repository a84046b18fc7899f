// Package registry reads images where they are published: what a name means for
// this machine, the image's configuration, and its layers' bytes from any offset
// on. It speaks the OCI distribution protocol through go-containerregistry and
// writes nothing to the disk.
//
// Who may read what is as Docker's own client has it: `docker login` writes a
// file, config.json in DOCKER_CONFIG or ~/.docker, which is read anew for every
// image, the credential helpers that it names included. So are the certificates
// in /etc/docker/certs.d. A registry is spoken to over TLS, except on this host's
// own loopback.
package registry
