package adminapi

import (
	"github.com/rousehq/rouse/gateway"
)

// Jobs are the endpoints of what is called later. They find a job's id and a
// function's name in the request's path values, "id" and "name".
type Jobs struct {
	Submit                                gateway.Handler // behind the stations but hold
	List, Get, Result, Cancel, Redrive    gateway.Handler
	RedriveAll, Pause, Resume, ShowSecret gateway.Handler
}

// job leads to an endpoint of one job.
func job(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) error {
		id, err := param(c, "id")
		if err != nil {
			return err
		}
		c.Request.SetPathValue("id", id)
		return next(c)
	}
}

// jobsOf leads to an endpoint of a function's jobs. The function exists.
func (a *api) jobsOf(next gateway.Handler) gateway.Handler {
	return func(c *gateway.Call) error {
		fn, err := a.function(c)
		if err != nil {
			return err
		}
		c.Request.SetPathValue("name", string(fn.Name))
		return next(c)
	}
}
