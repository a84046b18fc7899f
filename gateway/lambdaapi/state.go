package lambdaapi

import "github.com/rousehq/rouse"

// reasons are AWS's codes for why what a function is to run cannot be had.
var reasons = map[rouse.Code]string{
	rouse.NotFound: "ImageDeleted",
	rouse.Denied:   "ImageAccessDenied",
	rouse.Invalid:  "InvalidImage",
}

func reason(why *rouse.PreparingFailure) string {
	if code, ok := reasons[why.Code]; ok {
		return code
	}
	return "InternalError"
}

const beingCreated = "The function is being created."

// state says how far a version is, and of $LATEST how far its update is.
func (a *api) state(c *configuration, p pointed) {
	c.State, c.LastUpdateStatus = "Active", "Successful"
	if now := p.rev.Preparing; now != nil {
		c.State, c.StateReason, c.StateReasonCode, c.LastUpdateStatus = "Pending", beingCreated, "Creating", ""
		if now.Failed() {
			c.State, c.StateReason, c.StateReasonCode = "Failed", now.Failure.Message, reason(now.Failure)
		}
	}
	if p.number != 0 || p.fn.Next == "" || p.fn.Next == p.fn.Latest {
		return
	}
	next, err := a.Catalog.Revision(p.fn.Next)
	switch {
	case err != nil || next.Preparing == nil: // it has just become $LATEST
		c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "InProgress", beingCreated, "Creating"
	case next.Preparing.Failed():
		why := next.Preparing.Failure
		c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "Failed", why.Message, reason(why)
	default:
		c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "InProgress", beingCreated, "Creating"
	}
}

const cannotNow = "The operation cannot be performed at this time. "

// runnable refuses a revision that is not here.
func runnable(rev *rouse.Revision) error {
	switch p := rev.Preparing; {
	case p == nil:
		return nil
	case p.Failed():
		return conflict(cannotNow + "The function is currently in the following state: Failed")
	}
	return conflict(cannotNow + "The function is currently in the following state: Pending")
}

// changeable refuses to change what is being changed.
func (a *api) changeable(fn *rouse.Function) error {
	if fn.Next == "" {
		return nil
	}
	next, err := a.Catalog.Revision(fn.Next)
	if err == nil && next.Preparing.Failed() {
		return nil
	}
	return a.busy(fn)
}

// busy is the answer while an update of fn, or its creation, goes on.
func (a *api) busy(fn *rouse.Function) error {
	if latest, err := a.Catalog.Revision(fn.Latest); err == nil && latest.Preparing != nil {
		return runnable(latest)
	}
	return conflict(cannotNow+"An update is in progress for resource: %s", a.Place.ARN(fn.Name, ""))
}
