package schedule

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store"
)

func definitionKey(name string) []byte { return []byte("Td" + name) }
func stateKey(name string) []byte      { return []byte("Ts" + name) }

// readAll reads every schedule.
func readAll(ctx context.Context, space store.Space) (all []rouse.ScheduleStatus, err error) {
	err = space.View(ctx, func(r store.Reader) error {
		all = nil
		for k, v := range r.Scan(definitionKey(""), []byte("Te")) {
			var s rouse.ScheduleStatus
			if err := json.Unmarshal(v, &s.Schedule); err != nil {
				return fmt.Errorf("%q: %w", k, err)
			}
			if err := json.Unmarshal(r.Get(stateKey(s.Name)), &s.State); err != nil {
				return fmt.Errorf("the state of %q: %w", k, err)
			}
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

func write(t store.Tx, sch rouse.Schedule, state rouse.ScheduleState) error {
	b, err := json.Marshal(sch)
	if err != nil {
		return rouse.Errorf(rouse.Invalid, "schedule: %w", err)
	}
	t.Put(definitionKey(sch.Name), b)
	return putState(t, sch.Name, state)
}

func putState(t store.Tx, name string, state rouse.ScheduleState) error {
	b, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("the state of schedule %s: %w", name, err)
	}
	t.Put(stateKey(name), b)
	return nil
}

// note writes a state, if the schedule is still the one that it belongs to.
func note(t store.Tx, e *entry, state rouse.ScheduleState) error {
	var now struct {
		Generation uint64
		Created    json.RawMessage
	}
	created, err := e.Created.MarshalJSON()
	if err != nil {
		return fmt.Errorf("schedule %s: %w", e.Name, err)
	}
	b := t.Get(definitionKey(e.Name))
	if b == nil || json.Unmarshal(b, &now) != nil || now.Generation != e.Generation || string(now.Created) != string(created) {
		return errChanged
	}
	return putState(t, e.Name, state)
}

func remove(t store.Tx, name string) {
	t.Delete(definitionKey(name))
	t.Delete(stateKey(name))
}
