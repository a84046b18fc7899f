package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway/adminapi"
)

const schedules = "/api/v1/schedules"

func schedulePath(name string) string { return schedules + "/" + url.PathEscape(name) }

// Schedules lists every schedule.
func (c *Client) Schedules(ctx context.Context) (list []rouse.ScheduleStatus, err error) {
	return list, c.json(ctx, http.MethodGet, schedules, nil, &list)
}

// Schedule finds one schedule.
func (c *Client) Schedule(ctx context.Context, name string) (s rouse.ScheduleStatus, err error) {
	return s, c.json(ctx, http.MethodGet, schedulePath(name), nil, &s)
}

// PutSchedule makes a schedule; with replace one of its name may exist.
func (c *Client) PutSchedule(ctx context.Context, s rouse.Schedule, replace bool) (kept rouse.ScheduleStatus, err error) {
	if replace {
		return kept, c.json(ctx, http.MethodPut, schedulePath(s.Name), s, &kept)
	}
	return kept, c.json(ctx, http.MethodPost, schedules, s, &kept)
}

// DisableSchedule stops a schedule, or has it go on.
func (c *Client) DisableSchedule(ctx context.Context, name string, disabled bool) (s rouse.ScheduleStatus, err error) {
	return s, c.json(ctx, http.MethodPatch, schedulePath(name), adminapi.ScheduleSwitch{Disabled: &disabled}, &s)
}

// DeleteSchedule removes a schedule.
func (c *Client) DeleteSchedule(ctx context.Context, name string) error {
	return c.json(ctx, http.MethodDelete, schedulePath(name), nil, nil)
}

// NextRuns is when a schedule is due next, at most n times.
func (c *Client) NextRuns(ctx context.Context, name string, n int) ([]time.Time, error) {
	var next adminapi.NextRuns
	err := c.json(ctx, http.MethodGet, schedulePath(name)+"/next?count="+strconv.Itoa(n), nil, &next)
	return next.Next, err
}
