package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/docker/docker/client"
)

// transport answers the engine's client.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sponge unpacks images by reading them.
type sponge struct{ Roots }

func (sponge) Unpack(_ context.Context, _ string, saved io.Reader, _ func(string)) error {
	_, err := io.Copy(io.Discard, saved)
	return err
}

func TestFewImagesAreUnpackedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, all atomic.Int64
		next := make(chan struct{})
		api, err := client.NewClientWithOpts(client.WithVersion("1.41"), client.WithHTTPClient(&http.Client{
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				<-next
				all.Add(1)
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("saved")), Request: r}, nil
			}),
		}))
		if err != nil {
			t.Fatal(err)
		}
		d := &Driver{Options: Options{Roots: sponge{}}, api: api, saving: make(chan struct{}, unpackedAtOnce)}
		var callers sync.WaitGroup
		for i := range 7 {
			callers.Go(func() {
				if err := d.unpackNow(t.Context(), image{id: fmt.Sprint("sha256:", i)}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		told := []string{}
		gaveUp, giveUp := context.WithCancel(t.Context())
		callers.Go(func() {
			if err := d.unpackNow(gaveUp, image{id: "sha256:late"}, func(s string) { told = append(told, s) }); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up was told %v", err)
			}
		})
		synctest.Wait()
		giveUp()
		close(next)
		callers.Wait()
		if most.Load() != unpackedAtOnce || all.Load() != 7 {
			t.Errorf("%d at once and %d in all, want %d and 7", most.Load(), all.Load(), unpackedAtOnce)
		}
		if len(told) != 1 || !strings.HasPrefix(told[0], "waiting for other images") {
			t.Errorf("who waited was told %q", told)
		}
	})
}
