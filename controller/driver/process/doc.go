// Package process is the driver that needs no engine: each sandbox is an agent
// with a folder, and functions are plain processes of the host.
//
// It isolates little, and says so when it starts. What holds: every descendant
// ends with its sandbox; as root each sandbox has a user of its own, so that
// functions cannot read one another's files or memory; memory, CPU and the
// number of processes are limited by control groups where those can be written.
// Where they cannot, memory is watched instead, a few times a second. What does
// not hold: functions see the host's files and network as any user does,
// network "none" is not enforced, /tmp is the host's (TMPDIR names the
// sandbox's own folder, of which only the size of a single file is limited), and
// without root all functions are the user that runs Rouse.
package process
