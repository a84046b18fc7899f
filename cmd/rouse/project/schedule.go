package project

import (
	"encoding/json"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/option"
	"github.com/rousehq/rouse/controller/trigger/schedule"
)

// Schedule is what can be declared of a schedule.
type Schedule struct {
	Function     string         `yaml:"function" doc:"NAME or NAME:QUALIFIER of the function that is run"`
	When         string         `yaml:"when" doc:"rate(5 minutes), cron(0 9 ? * MON-FRI *), five fields of cron, or at(2030-01-01T09:00:00)"`
	TimeZone     string         `yaml:"time_zone" doc:"time zone of when, such as Europe/Berlin; UTC without one"`
	Payload      Payload        `yaml:"payload" doc:"what the function gets; AWS's scheduled event without one"`
	Missed       string         `yaml:"missed" doc:"what becomes of runs that were missed: they are left out, or the latest or each is made up for" enum:"skip,once,all"`
	MissedWithin rouse.Duration `yaml:"missed_within" doc:"missed runs that are older are left out"`
	Window       rouse.Duration `yaml:"window" doc:"begin each run up to so much later, so that many schedules do not begin at once"`
	Start        string         `yaml:"start" doc:"nothing is due before, such as 2030-01-01T09:00:00Z"`
	End          string         `yaml:"end" doc:"nothing is due after"`
	MaxAttempts  int            `yaml:"max_attempts" doc:"attempts of a run that fails; 0 is as for any job"`
	MaxAge       rouse.Duration `yaml:"max_age" doc:"age at which a run is given up; 0 is as for any job"`
	Disabled     bool           `yaml:"disabled" doc:"do not run it for now"`
}

// DefaultSchedule is what a schedule has that declares nothing.
func DefaultSchedule() Schedule {
	s := rouse.DefaultSchedule()
	return Schedule{Missed: string(s.Missed), MissedWithin: s.MissedWithin}
}

func readSchedule(key string, at, value option.Node) (rouse.Schedule, error) {
	s := DefaultSchedule()
	if err := value.Into(&s); err != nil {
		return rouse.Schedule{}, err
	}
	out, err := s.schedule(key)
	if err != nil {
		return out, at.Errorf("schedule %s: %s", key, err.(*rouse.Error).Message)
	}
	return out, nil
}

// schedule is what is declared, checked. Errors are Invalid.
func (s *Schedule) schedule(name string) (rouse.Schedule, error) {
	out := rouse.Schedule{
		Name: name, When: s.When, TimeZone: s.TimeZone, Payload: json.RawMessage(s.Payload), Disabled: s.Disabled, Declared: true,
		Missed: rouse.MissedRuns(s.Missed), MissedWithin: s.MissedWithin, Window: s.Window, MaxAttempts: s.MaxAttempts, MaxAge: s.MaxAge,
	}
	if s.Function == "" {
		return out, rouse.Errorf(rouse.Invalid, "function: missing")
	}
	ref, err := rouse.ParseRef(s.Function)
	if err != nil {
		return out, err
	}
	if out.Function = ref.Name; ref.Qualifier != rouse.Latest {
		out.Qualifier = ref.Qualifier
	}
	for _, t := range []struct {
		key, text string
		into      *time.Time
	}{{"start", s.Start, &out.Start}, {"end", s.End, &out.End}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil {
			return out, rouse.Errorf(rouse.Invalid, "%s %q: write it like 2030-01-01T09:00:00Z", t.key, t.text)
		}
	}
	if err := out.Validate(); err != nil {
		return out, err
	}
	_, _, err = schedule.Check(out.When, out.TimeZone)
	return out, err
}

// Payload is JSON, in a file as YAML.
type Payload json.RawMessage

var _ option.Reader = (*Payload)(nil)

// ReadYAML takes whatever value there is.
func (p *Payload) ReadYAML(n option.Node) error {
	b, err := n.JSON()
	*p = Payload(b)
	return err
}
