package rouse

import (
	"encoding/json"
	"time"
)

// Schedule has a function run at times that it names.
type Schedule struct {
	Name      string       `json:"name"`
	Function  FunctionName `json:"function"`
	Qualifier Qualifier    `json:"qualifier,omitempty"` // empty is $LATEST
	// When is rate(…), cron(…), at(…) or five fields of cron, in TimeZone, a name
	// of the IANA database; empty is UTC.
	When     string `json:"when"`
	TimeZone string `json:"time_zone,omitempty"`
	// Payload is the event, or an http function's body; nil is AWS's scheduled event.
	Payload  json.RawMessage `json:"payload,omitempty"`
	Disabled bool            `json:"disabled,omitempty"`
	// Declared marks one that a project's file has made: once the file does not
	// have it any more, the next deployment of it deletes it.
	Declared bool `json:"declared,omitempty"`
	// Nothing is due before Start or after End, unless they are zero.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Missed says what becomes of runs that could not begin in time, those at
	// most MissedWithin ago.
	Missed       MissedRuns `json:"missed"`
	MissedWithin Duration   `json:"missed_within"`
	// Window spreads the runs: each begins up to so much later.
	Window      Duration  `json:"window,omitempty"`
	MaxAttempts int       `json:"max_attempts,omitempty"` // of a run's job; 0 is the function's
	MaxAge      Duration  `json:"max_age,omitempty"`      // of a run's job; 0 is the function's
	Created     time.Time `json:"created,omitzero"`
	Updated     time.Time `json:"updated,omitzero"`
	// Generation counts the writes.
	Generation uint64 `json:"generation,omitempty"`
}

// MissedRuns is a policy for runs that could not begin in time.
type MissedRuns string

// The policies.
const (
	MissedSkip MissedRuns = "skip" // they are left out
	MissedOnce MissedRuns = "once" // the latest is made up for
	MissedAll  MissedRuns = "all"  // each is made up for
)

// Ref is what the schedule calls.
func (s *Schedule) Ref() Ref {
	if s.Qualifier == "" {
		return Ref{Name: s.Function, Qualifier: Latest}
	}
	return Ref{Name: s.Function, Qualifier: s.Qualifier}
}

// DefaultSchedule is what a schedule has that sets nothing.
func DefaultSchedule() Schedule {
	return Schedule{Missed: MissedOnce, MissedWithin: Duration(24 * time.Hour)}
}

// ScheduleState is what has become of a schedule. Its JSON is what is kept of it.
type ScheduleState struct {
	// Through is the moment up to which every run is dealt with.
	Through time.Time `json:"through"`
	Runs    uint64    `json:"runs"`
	Missed  uint64    `json:"missed"`
	Failed  uint64    `json:"failed"`             // runs of which no job could be made
	LastDue time.Time `json:"last_due,omitzero"`  // of the newest run
	LastJob string    `json:"last_job,omitempty"` // its job
	Error   string    `json:"error,omitempty"`    // why the newest run has no job
}

// ScheduleStatus is a schedule and how it stands.
type ScheduleStatus struct {
	Schedule
	State ScheduleState `json:"state"`
	Next  time.Time     `json:"next,omitzero"` // zero: never again, or disabled
}

// ParseScheduleName accepts a schedule's name or says what a name may be.
func ParseScheduleName(s string) (string, error) {
	if !word(s, maxName) {
		return "", Errorf(Invalid, "schedule %q: use 1 to 64 letters, digits, '-' or '_'", Clip(s))
	}
	return s, nil
}

// Validate says which field is wrong and what is allowed. When, TimeZone and the
// function are whoever runs schedules' to check.
func (s *Schedule) Validate() error {
	if _, err := ParseScheduleName(s.Name); err != nil {
		return err
	}
	const maxPayload = 256 << 10
	switch {
	case s.Missed != MissedSkip && s.Missed != MissedOnce && s.Missed != MissedAll:
		return Errorf(Invalid, "missed %q: must be skip, once or all", Clip(string(s.Missed)))
	case s.MissedWithin <= 0 || s.MissedWithin.D() > 366*24*time.Hour:
		return Errorf(Invalid, "missed_within %s: must be more than 0 and at most 8784h", s.MissedWithin)
	case s.Window < 0 || s.Window.D() > 24*time.Hour:
		return Errorf(Invalid, "window %s: must be 0 to 24h", s.Window)
	case s.MaxAttempts < 0 || s.MaxAttempts > 1000:
		return Errorf(Invalid, "max_attempts %d: must be 0 (the function's) to 1000", s.MaxAttempts)
	case s.MaxAge < 0:
		return Errorf(Invalid, "max_age %s: must not be negative", s.MaxAge)
	case !s.End.IsZero() && !s.End.After(s.Start):
		return Errorf(Invalid, "end %s: must be after start %s", s.End.Format(time.RFC3339), s.Start.Format(time.RFC3339))
	case len(s.Payload) > maxPayload:
		return Errorf(TooLarge, "payload: %d bytes, must be at most %d", len(s.Payload), maxPayload)
	case s.Payload != nil && !json.Valid(s.Payload):
		return Errorf(Invalid, "payload: must be JSON")
	}
	return nil
}
