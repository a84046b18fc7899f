package keys_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/keys"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func open(t *testing.T, store keys.Settings) *keys.Keys {
	t.Helper()
	k, err := keys.Open(t.Context(), store, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t *testing.T, k *keys.Keys, name string) rouse.Key {
	t.Helper()
	key, err := k.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeysOutliveTheProcess(t *testing.T) {
	store := storetest.NewMemory()
	k := open(t, store)
	one, two := create(t, k, "ci"), create(t, k, "")
	if one.ID == two.ID || one.Secret == two.Secret || len(one.Secret) < 40 {
		t.Errorf("%+v and %+v", one, two)
	}
	if err := k.Remove(t.Context(), two.ID); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*keys.Keys{k, open(t, store)} {
		if secret, ok := k.Secret(one.ID); !ok || secret != one.Secret {
			t.Errorf("%q, %v", secret, ok)
		}
		if _, ok := k.Secret(two.ID); ok {
			t.Error("a removed key is believed")
		}
		if all := k.All(); len(all) != 1 || all[0].ID != one.ID || all[0].Name != "ci" || all[0].Secret != "" || !all[0].Created.Equal(one.Created) {
			t.Errorf("%+v", all)
		}
	}
	if err := k.Remove(t.Context(), two.ID); rouse.CodeOf(err) != rouse.NotFound {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := k.Create(t.Context(), strings.Repeat("x", 65)); rouse.CodeOf(err) != rouse.Invalid {
		t.Errorf("a long name: %v", err)
	}
}

func TestKeysMadeAtOnceAreAllKept(t *testing.T) {
	store := storetest.NewMemory()
	k := open(t, store)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { create(t, k, "") })
	}
	all.Wait()
	if n := len(open(t, store).All()); n != 20 {
		t.Errorf("%d keys are kept", n)
	}
}

// full is a store that cannot write.
type full struct{ keys.Settings }

func (full) PutSetting(context.Context, string, string) error { return errors.New("full") }

func TestAKeyThatCouldNotBeWrittenIsNotBelieved(t *testing.T) {
	k := open(t, full{storetest.NewMemory()})
	if _, err := k.Create(t.Context(), ""); err == nil || len(k.All()) != 0 {
		t.Errorf("%v, %v", err, k.All())
	}
}
