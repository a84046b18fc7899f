package docker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// shelf is registries whose images come when they are let.
type shelf struct {
	open chan struct{} // closed to let all of them

	mu  sync.Mutex
	now []string                 // under mu; the images that are on their way, in their order
	let map[string]chan struct{} // under mu; by image
}

func (s *shelf) Fetch(ctx context.Context, ref string, _ func(string)) (Unpacked, error) {
	s.mu.Lock()
	s.now = append(s.now, ref)
	let := make(chan struct{})
	s.let[ref] = let
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now = slices.DeleteFunc(s.now, func(other string) bool { return other == ref })
	}()
	select {
	case <-let:
		return Unpacked{ID: ref}, nil
	case <-s.open:
		return Unpacked{ID: ref}, nil
	case <-ctx.Done():
		return Unpacked{}, ctx.Err()
	}
}

func (*shelf) Unpacked(string) (Unpacked, bool)             { return Unpacked{}, false }
func (*shelf) Login(context.Context, string) (Login, error) { return Login{}, nil }

// end has an image that is on its way be here.
func (s *shelf) end(ref string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.let[ref])
}

// coming are the images that are on their way once everybody has come as far as
// can be.
func (s *shelf) coming() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.now)
}

// customers fetch images of a driver that has none.
type customers struct {
	*Driver
	sync.WaitGroup
}

func (c *customers) ask(ctx context.Context, t *testing.T, ref string, want error) {
	c.Go(func() {
		if img, err := c.fetch(ctx, ref, nil); !errors.Is(err, want) || err == nil && img.id != ref {
			t.Errorf("%s: %q, %v, want %v", ref, img.id, err, want)
		}
	})
	synctest.Wait() // whoever asks next comes after
}

func refsOf(host string, n int) (refs []string) {
	for i := range n {
		refs = append(refs, host+"/fn:"+strconv.Itoa(i))
	}
	return refs
}

func downloading(t *testing.T, test func(t *testing.T, s *shelf, c *customers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{open: make(chan struct{}), let: map[string]chan struct{}{}}
		c := &customers{Driver: &Driver{Options: Options{Registry: s, Log: slog.New(slog.DiscardHandler)}, downloads: newDownloads()}}
		defer c.Wait()
		defer close(s.open)
		test(t, s, c)
	})
}

func TestARegistryIsAskedForAFewImagesAtATimeAndInTheirOrder(t *testing.T) {
	downloading(t, func(t *testing.T, s *shelf, c *customers) {
		refs := refsOf("slow.example", 2*fromOneRegistry)
		for _, ref := range refs {
			c.ask(t.Context(), t, ref, nil)
		}
		if got := s.coming(); !slices.Equal(got, refs[:fromOneRegistry]) {
			t.Errorf("on their way are %v", got)
		}
		// Another registry's do not wait for them.
		c.ask(t.Context(), t, "quick.example/fn", nil)
		if got := s.coming(); got[len(got)-1] != "quick.example/fn" {
			t.Errorf("on their way are %v", got)
		}
		s.end("quick.example/fn")
		for i, ref := range refs[:fromOneRegistry] {
			s.end(ref)
			if got := s.coming(); !slices.Equal(got, refs[i+1:][:fromOneRegistry]) {
				t.Errorf("after %s: %v", ref, got)
			}
		}
	})
}

func TestWhoGivesUpWaitingTakesNoPlace(t *testing.T) {
	downloading(t, func(t *testing.T, s *shelf, c *customers) {
		refs := refsOf("slow.example", fromOneRegistry)
		running, stop := context.WithCancel(t.Context())
		for _, ref := range refs {
			c.ask(running, t, ref, context.Canceled)
		}
		waiting, giveUp := context.WithCancel(t.Context())
		c.ask(waiting, t, "slow.example/given-up", context.Canceled)
		giveUp()
		synctest.Wait()
		c.ask(t.Context(), t, "slow.example/last", nil)
		if got := s.coming(); !slices.Equal(got, refs) {
			t.Errorf("on their way are %v", got)
		}
		stop()
		if got := s.coming(); !slices.Equal(got, []string{"slow.example/last"}) {
			t.Errorf("then %v", got)
		}
	})
}

func TestManyRegistriesDoNotMakeManyDownloads(t *testing.T) {
	downloading(t, func(t *testing.T, s *shelf, c *customers) {
		for host := range 2 * allDownloads {
			c.ask(t.Context(), t, "r"+strconv.Itoa(host)+".example/fn", nil)
		}
		if got := s.coming(); len(got) != allDownloads {
			t.Errorf("on their way are %d: %v", len(got), got)
		}
		for len(s.coming()) > 0 {
			s.end(s.coming()[0])
		}
		if len(c.downloads.all) != 0 || len(c.downloads.from) != 0 {
			t.Errorf("left %d, and %v", len(c.downloads.all), c.downloads.from)
		}
	})
}

func TestWhoWaitsForOtherImagesIsToldSo(t *testing.T) {
	downloading(t, func(t *testing.T, _ *shelf, c *customers) {
		for _, ref := range refsOf("slow.example", fromOneRegistry) {
			c.ask(t.Context(), t, ref, nil)
		}
		var told []string
		c.Go(func() {
			_, _ = c.fetch(t.Context(), "slow.example/fn", func(text string) { told = append(told, text) })
		})
		synctest.Wait()
		if len(told) != 1 || !strings.Contains(told[0], "waiting") {
			t.Errorf("told %q", told)
		}
	})
}
