package adminapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// ScheduleSwitch is what of a schedule can be changed alone.
type ScheduleSwitch struct {
	Disabled *bool `json:"disabled"`
}

// NextRuns is when a schedule is due.
type NextRuns struct {
	Next []time.Time `json:"next"`
}

// listSchedules answers with every schedule, or those of one function.
func (a *api) listSchedules(c *gateway.Call) error {
	list := []rouse.ScheduleStatus{}
	fn := c.Request.URL.Query().Get("function")
	for _, s := range a.Schedules.All() {
		if fn == "" || string(s.Function) == fn {
			list = append(list, s)
		}
	}
	return reply(c, http.StatusOK, list)
}

func (a *api) createSchedule(c *gateway.Call) error {
	s := rouse.DefaultSchedule()
	if err := readJSON(c, &s); err != nil {
		return err
	}
	return a.storeSchedule(c, s, true, http.StatusCreated)
}

// putSchedule makes a schedule or replaces all of it.
func (a *api) putSchedule(c *gateway.Call) error {
	name, err := scheduleName(c)
	if err != nil {
		return err
	}
	s := rouse.DefaultSchedule()
	s.Name = name
	if err := readJSON(c, &s); err != nil {
		return err
	}
	if s.Name != name {
		return rouse.Errorf(rouse.Invalid, "name %q: the path says %s", rouse.Clip(s.Name), name)
	}
	return a.storeSchedule(c, s, false, http.StatusOK)
}

func (a *api) storeSchedule(c *gateway.Call, s rouse.Schedule, create bool, status int) error {
	ref, err := rouse.ParseRef(s.Ref().String())
	if err != nil {
		return err
	}
	if s.Function = ref.Name; ref.Qualifier != rouse.Latest {
		s.Qualifier = ref.Qualifier
	}
	kept, err := a.Schedules.Put(c.Request.Context(), s, create)
	if err != nil {
		return err
	}
	return reply(c, status, kept)
}

func (a *api) getSchedule(c *gateway.Call) error {
	name, err := scheduleName(c)
	if err != nil {
		return err
	}
	s, err := a.Schedules.Get(name)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, s)
}

// switchSchedule disables or enables a schedule.
func (a *api) switchSchedule(c *gateway.Call) error {
	name, err := scheduleName(c)
	if err != nil {
		return err
	}
	var change ScheduleSwitch
	if err := readJSON(c, &change); err != nil {
		return err
	}
	if change.Disabled == nil {
		return rouse.Errorf(rouse.Invalid, "disabled: missing; must be true or false")
	}
	s, err := a.Schedules.SetDisabled(c.Request.Context(), name, *change.Disabled)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, s)
}

func (a *api) deleteSchedule(c *gateway.Call) error {
	name, err := scheduleName(c)
	if err != nil {
		return err
	}
	if err := a.Schedules.Delete(c.Request.Context(), name); err != nil {
		return err
	}
	c.Writer.WriteHeader(http.StatusNoContent)
	return nil
}

// nextRuns answers with the coming times, 10 unless count says otherwise.
func (a *api) nextRuns(c *gateway.Call) error {
	const usual, most = 10, 1000
	name, err := scheduleName(c)
	if err != nil {
		return err
	}
	n := usual
	if text := c.Request.URL.Query().Get("count"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > most {
			return rouse.Errorf(rouse.Invalid, "count %q: must be 1 to %d", rouse.Clip(text), most)
		}
	}
	list, err := a.Schedules.Upcoming(name, n)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, NextRuns{Next: list})
}

func scheduleName(c *gateway.Call) (string, error) {
	name, err := param(c, "schedule")
	if err != nil {
		return "", err
	}
	return rouse.ParseScheduleName(name)
}
