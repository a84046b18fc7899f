package signing_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/signing"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func open(t *testing.T, store signing.Settings) *signing.Configs {
	t.Helper()
	c, err := signing.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigurationsOutliveTheProcess(t *testing.T) {
	store := storetest.NewMemory()
	c := open(t, store)
	for _, id := range []string{"csc-b", "csc-a", "csc-c"} {
		if err := c.CreateSigningConfig(t.Context(), rouse.SigningConfig{ID: id, Publishers: []string{"p"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.CreateSigningConfig(t.Context(), rouse.SigningConfig{ID: "csc-a"}); rouse.CodeOf(err) != rouse.Conflict {
		t.Errorf("a taken ID: %v", err)
	}
	changed, err := c.ChangeSigningConfig(t.Context(), "csc-a", func(c *rouse.SigningConfig) error {
		c.Enforce, c.Description = true, "d"
		return nil
	})
	want := rouse.SigningConfig{ID: "csc-a", Publishers: []string{"p"}, Enforce: true, Description: "d"}
	if err != nil || !reflect.DeepEqual(changed, want) {
		t.Errorf("%+v, %v", changed, err)
	}
	no := errors.New("no")
	if _, err := c.ChangeSigningConfig(t.Context(), "csc-c", func(c *rouse.SigningConfig) error { c.Enforce = true; return no }); err != no {
		t.Errorf("an edit that refuses: %v", err)
	}
	if err := c.DeleteSigningConfig(t.Context(), "csc-b"); err != nil {
		t.Error(err)
	}
	for _, c := range []*signing.Configs{c, open(t, store)} {
		if got := c.SigningConfigs(); !reflect.DeepEqual(got, []rouse.SigningConfig{want, {ID: "csc-c", Publishers: []string{"p"}}}) {
			t.Errorf("%+v", got)
		}
		if err := c.DeleteSigningConfig(t.Context(), "csc-b"); rouse.CodeOf(err) != rouse.NotFound {
			t.Errorf("deleted twice: %v", err)
		}
	}
	if _, err := c.ChangeSigningConfig(t.Context(), "csc-b", func(*rouse.SigningConfig) error { return nil }); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("changed what is gone: %v", err)
	}
}

// full is a store without room.
type full struct{ signing.Settings }

func (full) PutSetting(context.Context, string, string) error {
	return rouse.Errorf(rouse.Unavailable, "full")
}

func TestWhatIsNotOnDiskDoesNotHold(t *testing.T) {
	c := open(t, full{storetest.NewMemory()})
	if err := c.CreateSigningConfig(t.Context(), rouse.SigningConfig{ID: "csc-a"}); rouse.CodeOf(err) != rouse.Unavailable || len(c.SigningConfigs()) != 0 {
		t.Errorf("%v, %v", err, c.SigningConfigs())
	}
}

func TestManyAtOnceAreAllKeptUpToTheQuota(t *testing.T) {
	c := open(t, storetest.NewMemory())
	var wg sync.WaitGroup
	refused := make(chan error, 120)
	for i := range 120 {
		wg.Go(func() {
			if err := c.CreateSigningConfig(t.Context(), rouse.SigningConfig{ID: fmt.Sprintf("csc-%03d", i)}); err != nil {
				refused <- err
			}
		})
	}
	wg.Wait()
	if n := len(c.SigningConfigs()); n != 100 || len(refused) != 20 {
		t.Errorf("%d kept, %d refused", n, len(refused))
	}
	if err := <-refused; rouse.CodeOf(err) != rouse.Conflict {
		t.Error(err)
	}
}
