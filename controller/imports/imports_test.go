package imports

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/rousehq/rouse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings is a store in memory.
type settings map[string]string

func (s settings) Setting(_ context.Context, key string) (string, error) {
	if value, ok := s[key]; ok {
		return value, nil
	}
	return "", rouse.Errorf(rouse.NotFound, "no setting")
}

func (s settings) PutSetting(_ context.Context, key, value string) error {
	s[key] = value
	return nil
}

func open(t *testing.T, store settings) *Imports {
	t.Helper()
	i, err := Open(t.Context(), store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestWhatWasLearnedOutlivesTheProcess(t *testing.T) {
	store := settings{}
	i := open(t, store)
	i.Learn("f", []string{"numpy", "json", "numpy"})
	i.Learn("g", []string{"ssl"})
	i.Forget("g")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	i.Run(over) // writes for the last time
	again := open(t, store)
	if got := again.Of("f"); !slices.Equal(got, []string{"json", "numpy"}) {
		t.Errorf("f imports %v", got)
	}
	if got := again.Of("g"); got != nil {
		t.Errorf("g imports %v", got)
	}
}

func TestAReportIsBounded(t *testing.T) {
	i := open(t, settings{})
	many := []string{"../../etc", "a b", "", ".", "x;y"}
	for n := range 1000 {
		many = append(many, fmt.Sprintf("m%03d", n))
	}
	i.Learn("f", many)
	if got := i.Of("f"); len(got) != mostModules || !slices.Contains(got, "m000") || slices.Contains(got, "a b") {
		t.Errorf("it keeps %v", got)
	}
	i.Learn("f", []string{"not a module"})
	if got := i.Of("f"); len(got) != mostModules {
		t.Errorf("nothing replaced it: %v", got)
	}
	for n := range 1000 {
		i.Learn(rouse.FunctionName(fmt.Sprint("f", n)), []string{"json"})
	}
	if len(i.seen) != mostFunctions || i.Of("f999") == nil || i.Of("f1") != nil {
		t.Errorf("%d functions are remembered", len(i.seen))
	}
}

func TestWhatCannotBeReadIsLearnedAnew(t *testing.T) {
	i := open(t, settings{key: "{"})
	i.Learn("f", []string{"json"})
	if got := i.Of("f"); !slices.Equal(got, []string{"json"}) {
		t.Errorf("f imports %v", got)
	}
}
