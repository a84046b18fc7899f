package docker

import (
	"context"
	"sync"

	"github.com/distribution/reference"
)

const (
	// fromOneRegistry is how many images come from one registry at once. Each has
	// three layers on their way, which are unpacked as they come: more would only
	// make all of them late, and registries turn away who asks too much.
	fromOneRegistry = 3
	// allDownloads is how many come at once in all. Four registries have to be
	// slow at a time before a fifth one's images wait for them.
	allDownloads = 4 * fromOneRegistry
)

// downloads lets a few images come at a time, in the order in which they are
// asked for; a registry that is slow holds up its own.
type downloads struct {
	all chan struct{} // holds a token for each image that is on its way

	mu   sync.Mutex
	from map[string]*registryLine // under mu; those that somebody wants something of
}

type registryLine struct {
	now  chan struct{} // holds a token for each image that is on its way, or next
	refs int           // those and who waits, under downloads.mu
}

func newDownloads() *downloads {
	return &downloads{all: make(chan struct{}, allDownloads), from: make(map[string]*registryLine)}
}

// begin blocks until ref may be downloaded or ctx ends; the caller calls end
// once. report, which may be nil, is told of a wait.
func (w *downloads) begin(ctx context.Context, ref string, report func(string)) (end func(), err error) {
	registry := registryOf(ref)
	line := w.join(registry)
	if err := token(ctx, line.now, report); err != nil {
		w.leave(registry, line)
		return nil, err
	}
	if err := token(ctx, w.all, report); err != nil {
		<-line.now
		w.leave(registry, line)
		return nil, err
	}
	return func() {
		<-w.all
		<-line.now
		w.leave(registry, line)
	}, nil
}

// token puts one into tokens.
func token(ctx context.Context, tokens chan struct{}, report func(string)) error {
	select {
	case tokens <- struct{}{}:
		return nil
	default:
	}
	if report != nil {
		report("waiting for other images, which come first")
	}
	select {
	case tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *downloads) join(registry string) *registryLine {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := w.from[registry]
	if line == nil {
		line = &registryLine{now: make(chan struct{}, fromOneRegistry)}
		w.from[registry] = line
	}
	line.refs++
	return line
}

func (w *downloads) leave(registry string, line *registryLine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if line.refs--; line.refs == 0 {
		delete(w.from, registry)
	}
}

// registryOf is the host that an image's name means. What is no name has none,
// and will not be found.
func registryOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
