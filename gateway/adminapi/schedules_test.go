package adminapi

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// timetable is Schedules with at most one.
type timetable struct{ kept []rouse.ScheduleStatus }

var _ Schedules = (*timetable)(nil)

func (t *timetable) Put(_ context.Context, s rouse.Schedule, create bool) (rouse.ScheduleStatus, error) {
	if create && len(t.kept) > 0 {
		return rouse.ScheduleStatus{}, rouse.Errorf(rouse.Conflict, "schedule %s exists already", s.Name)
	}
	t.kept = []rouse.ScheduleStatus{{Schedule: s, Next: epoch}}
	return t.kept[0], s.Validate()
}

func (t *timetable) SetDisabled(_ context.Context, name string, disabled bool) (rouse.ScheduleStatus, error) {
	t.kept[0].Disabled = disabled
	return t.Get(name)
}

func (t *timetable) Delete(_ context.Context, name string) error {
	_, err := t.Get(name)
	t.kept = nil
	return err
}

func (t *timetable) Get(name string) (rouse.ScheduleStatus, error) {
	if len(t.kept) == 0 || t.kept[0].Name != name {
		return rouse.ScheduleStatus{}, rouse.Errorf(rouse.NotFound, "schedule %s does not exist", name)
	}
	return t.kept[0], nil
}

func (t *timetable) All() []rouse.ScheduleStatus { return t.kept }

func (t *timetable) Upcoming(name string, n int) (list []time.Time, err error) {
	for i := range n {
		list = append(list, epoch.Add(time.Duration(i)*time.Hour))
	}
	_, err = t.Get(name)
	return list, err
}

func TestSchedulesAreMadeShownSwitchedAndDeleted(t *testing.T) {
	s := serve(t, newPlatform())
	const path = "/api/v1/schedules"
	made := want[rouse.ScheduleStatus](t, s, 201, "POST", path, `{"name":"nightly","function":"hello","when":"0 2 * * *","payload":{"a":1}}`)
	if made.Missed != rouse.MissedOnce || made.MissedWithin.D() != 24*time.Hour || string(made.Payload) != `{"a":1}` {
		t.Errorf("defaults: %+v", made)
	}
	want[rouse.ScheduleStatus](t, s, 200, "PUT", path+"/nightly", `{"function":"hello:live","when":"0 3 * * *","missed":"skip"}`)
	if got := want[rouse.ScheduleStatus](t, s, 200, "PATCH", path+"/nightly", `{"disabled":true}`); !got.Disabled || got.When != "0 3 * * *" {
		t.Errorf("got %+v", got)
	}
	if list := want[[]rouse.ScheduleStatus](t, s, 200, "GET", path+"?function=hello", ""); len(list) != 1 {
		t.Errorf("got %+v", list)
	}
	if list := want[[]rouse.ScheduleStatus](t, s, 200, "GET", path+"?function=web", ""); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
	if next := want[NextRuns](t, s, 200, "GET", path+"/nightly/next?count=3", ""); len(next.Next) != 3 {
		t.Errorf("got %+v", next)
	}
	for _, c := range []struct {
		status             int
		method, path, body string
		message            string
	}{
		{409, "POST", path, `{"name":"nightly","function":"hello","when":"0 2 * * *"}`, "exists already"},
		{400, "PUT", path + "/nightly", `{"name":"other","function":"hello","when":"0 2 * * *"}`, "the path says nightly"},
		{400, "PUT", path + "/nightly", `{"function":"hel lo","when":"0 2 * * *"}`, `name \"hel lo\"`},
		{400, "PUT", path + "/nightly", `{"function":"hello","wen":"0 2 * * *"}`, "wen: unknown key"},
		{400, "PATCH", path + "/nightly", `{}`, "disabled: missing"},
		{400, "GET", path + "/nightly/next?count=0", "", "must be 1 to 1000"},
		{400, "GET", path + "/a%20b", "", `schedule \"a b\"`},
		{404, "GET", path + "/other", "", "does not exist"},
		{204, "DELETE", path + "/nightly", "", ""},
		{404, "DELETE", path + "/nightly", "", "does not exist"},
	} {
		if status, body := call(t, s, c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.message) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
}
