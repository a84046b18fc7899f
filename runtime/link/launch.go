package link

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// Launch records the revision, has the agent start the process and returns how
// to reach it, without waiting until it is ready; a program that cannot be
// started ends at once with Exit.Error. It blocks for a few words with the
// agent, and is called once: after an error the sandbox is of no more use.
// RuntimeAPI and the outputs are the caller's to close.
func (l *Link) Launch(ctx context.Context, launch rouse.Launch) (rouse.Endpoint, error) {
	if err := l.Connected(ctx); err != nil {
		return rouse.Endpoint{}, err
	}
	if err := l.begin(launch.Inspect); err != nil {
		return rouse.Endpoint{}, err
	}
	ep := rouse.Endpoint{Process: process{l}, Keeper: keeper{l}, Extensions: names(launch.Extensions), Local: l.local}
	if len(launch.Extensions) > 0 {
		launch.Fork = false // of an interpreter that knows nothing of extensions
	}
	port, err := l.openDoor(ctx, launch, &ep)
	if err == nil && launch.Platform != "" {
		launch.Platform, err = l.openPlatform(ctx, launch, &ep)
	}
	if err == nil {
		err = l.recordLaunch(launch, port)
	}
	if err == nil {
		ep.Started = time.Now()
		err = l.start(ctx, launch, port, &ep)
	}
	if err != nil {
		ep.Close()
		return rouse.Endpoint{}, err
	}
	return ep, nil
}

// Place gives the agent the door of a control group: every run enters it by
// writing "0" to it. It comes before Launch and does not wait for the agent.
func (l *Link) Place(door *os.File) error {
	return withFD(door, func(fd int) error { return l.tell(wire.Message{Kind: wire.KindPlace}, fd) })
}

// begin lets Launch or Resume be called once. Exits are complete from now on.
func (l *Link) begin(inspect rouse.Inspect) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shutDown {
		return l.errGone()
	}
	if l.launched {
		return errors.New("a sandbox is given a revision once")
	}
	l.launched, l.inspect = true, inspect
	for _, r := range l.runs {
		if r.ended != nil && r.err == nil {
			l.complete(r)
		}
	}
	return nil
}

// openDoor opens what the contract needs and returns its port.
func (l *Link) openDoor(ctx context.Context, launch rouse.Launch, ep *rouse.Endpoint) (int, error) {
	switch launch.Contract {
	case rouse.ContractLambda:
		port, err := portOf("Runtime API", launch.RuntimeAPI)
		if err != nil {
			return 0, err
		}
		if ep.RuntimeAPI, err = l.way().listen(ctx, port, wire.HeldListener); err != nil {
			return 0, err
		}
		return ep.RuntimeAPI.Addr().(*net.TCPAddr).Port, nil
	case rouse.ContractHTTP:
		port := launch.Port
		if port == 0 {
			var err error
			if port, err = l.way().free(ctx); err != nil {
				return 0, err
			}
		}
		ep.Dial = func(ctx context.Context) (net.Conn, error) { return l.way().dial(ctx, port) }
		return port, nil
	}
	return 0, rouse.Errorf(rouse.Invalid, "contract %q: must be lambda or http", launch.Contract)
}

// openPlatform opens the way to Rouse's own API, and returns its address.
func (l *Link) openPlatform(ctx context.Context, launch rouse.Launch, ep *rouse.Endpoint) (string, error) {
	port, err := portOf("platform endpoint", launch.Platform)
	if err != nil {
		return "", err
	}
	if ep.Platform, err = l.way().listen(ctx, port, wire.HeldPlatform); err != nil {
		return "", err
	}
	ep.PlatformToken = launch.PlatformToken
	return ep.Platform.Addr().String(), nil
}

// portOf reads "127.0.0.1:PORT".
func portOf(what, addr string) (int, error) {
	host, port, err := net.SplitHostPort(addr)
	n, numErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numErr != nil || host != "127.0.0.1" {
		return 0, rouse.Errorf(rouse.Invalid, "%s address %q: must be 127.0.0.1:PORT", what, addr)
	}
	return int(n), nil
}

// recordLaunch writes what the agent is about to be told, so that a host that
// dies right after knows what it may find.
func (l *Link) recordLaunch(launch rouse.Launch, port int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.Launched = &launched{
		Revision: launch.Revision,
		Contract: launch.Contract,
		Port:     port,

		Extensions: names(launch.Extensions),
		Agent:      l.agent,
		Stop:       launch.StopSignal,

		Platform: launch.Platform, PlatformToken: launch.PlatformToken,
	}
	return l.record.write(l.root)
}

// start makes the pipes and gives the agent the command with both ends of them:
// one for the process, and one to keep for the next host.
func (l *Link) start(ctx context.Context, launch rouse.Launch, port int, ep *rouse.Endpoint) error {
	m := wire.Message{Kind: wire.KindStart, Start: startOf(launch, port)}
	if launch.Fork {
		m.Seq = 1 // a valid one, until it is asked
	}
	if _, err := wire.Encode(m); err != nil {
		return rouse.Errorf(rouse.Invalid, "command and environment: %w", err)
	}
	if l.session != nil {
		return l.startRelayed(ctx, m, ep)
	}
	var reads []*os.File
	var ends []int
	defer func() { wire.CloseAll(ends) }()
	for i, output := range outputsOf(ep)[:m.Start.Outputs()] {
		r, w, err := pipe(outputNames[i], launch.UID, launch.GID)
		if err != nil {
			return err
		}
		*output = r
		reads, ends = append(reads, r), append(ends, w)
	}
	l.mu.Lock()
	l.present(1)
	l.mu.Unlock()
	return withFDs(reads, func(held ...int) error {
		files := append(slices.Clone(ends), held...)
		if launch.Fork {
			return l.askToFork(ctx, m, ep, files...)
		}
		return l.tell(m, files...)
	})
}

// outputNames are the pipes that come with a start, by the names under which
// agents hold them; those of outputsOf, in the same order.
var outputNames = []string{wire.HeldStdout, wire.HeldStderr, wire.HeldExtensions}

func outputsOf(ep *rouse.Endpoint) []*io.ReadCloser {
	return []*io.ReadCloser{&ep.Stdout, &ep.Stderr, &ep.ExtensionOutput}
}

// withFDs is withFD for several files.
func withFDs(files []*os.File, use func(fds ...int) error) error {
	if len(files) == 0 {
		return use()
	}
	return withFD(files[0], func(first int) error {
		return withFDs(files[1:], func(others ...int) error { return use(append([]int{first}, others...)...) })
	})
}

// withFD lends f's descriptor without changing how f blocks.
func withFD(f *os.File, use func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) { err = use(int(fd)) })
	return errors.Join(ctlErr, err)
}

// startOf is launch in the agent's words, with its address and port filled in.
func startOf(launch rouse.Launch, port int) *wire.Start {
	number := strconv.Itoa(port)
	vars := strings.NewReplacer(rouse.AddrVar, "127.0.0.1:"+number, rouse.PortVar, number, rouse.PlatformVar, launch.Platform)
	s := &wire.Start{
		Argv:   make([]string, len(launch.Command.Argv)),
		Env:    make([]string, len(launch.Command.Env)),
		Dir:    launch.Command.Dir,
		Enter:  launch.Enter,
		UID:    launch.UID,
		GID:    launch.GID,
		Groups: launch.Groups,
		Caps:   launch.KeepCaps,
		Fork:   launch.Fork,

		Extensions: launch.Extensions,
	}
	for i, arg := range launch.Command.Argv {
		s.Argv[i] = vars.Replace(arg)
	}
	for i, kv := range launch.Command.Env {
		s.Env[i] = vars.Replace(kv)
	}
	for _, limit := range launch.Limits {
		s.Limits = append(s.Limits, wire.Limit(limit))
	}
	return s
}

// names are the extensions' by which they register: their files'.
func names(programs []string) []string {
	var list []string
	for _, program := range programs {
		list = append(list, path.Base(program))
	}
	return list
}

// local connects to a port of the sandbox's loopback.
func (l *Link) local(ctx context.Context, port int) (net.Conn, error) {
	return l.way().dial(ctx, port)
}
