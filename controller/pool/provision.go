package pool

import (
	"time"

	"github.com/rousehq/rouse"
)

// want is how many provisioned instances there should be.
func (s *state) want() int {
	if s.retired || s.closed || s.gaveUp() {
		return 0
	}
	return s.settings.Provisioned
}

// gaveUp says that provisioned instances are not tried any more.
func (s *state) gaveUp() bool {
	return s.settings.Provisioned > 0 && s.attempts >= rouse.MaxProvisionAttempts && !s.retired && !s.closed
}

var errGaveUp = throttled(rouse.QuotaReserved, "all reserved concurrency is provisioned, and no provisioned instance could be started")

// hopeless says that all there may be are provisioned instances, which were given up.
func (s *state) hopeless() bool {
	return s.gaveUp() && len(s.instances) == 0 && s.tokens.none()
}

// attempted counts a failed start of provisioned instance i. Those that were
// begun together are one attempt, and while the engine is away there is none.
func (s *state) attempted(now time.Time, i *instance, err error) {
	if i.provisioned && rouse.CodeOf(err) != rouse.Unavailable && (s.attempts == 0 || i.created.After(s.attempt)) {
		s.attempts, s.attempt = s.attempts+1, now
	}
}

// promote makes i a provisioned instance if one is missing. Code of the lambda
// contract is told at its start what it is, so that only one that was started as
// such, or that an earlier run left, can become one again.
func (s *state) promote(i *instance) {
	fit := i.born || i.adopted || !s.told
	if fit && !i.provisioned && s.settings.Provisioned > 0 && s.provisioned() < s.want() {
		i.provisioned = true
	}
}

// provision is how far the provisioned instances are.
func (s *state) provision() rouse.Provisioned {
	p := rouse.Provisioned{Failed: s.gaveUp()}
	for i := range s.instances {
		if i.provisioned && i.state == rouse.Ready && !i.broken {
			p.Ready++
		}
	}
	return p
}

func (s *state) provisioned() int {
	n := 0
	if s.settings.Provisioned == 0 {
		return 0
	}
	for i := range s.instances {
		if i.provisioned && i.state != rouse.Draining {
			n++
		}
	}
	return n
}

// missing counts the provisioned instances to be started. While backing off there
// are none: a start then is for one who runs its init again, and who is not lent
// a provisioned instance that failed.
func (s *state) missing(now time.Time) int {
	if now.Before(s.retryAt) {
		return 0
	}
	return max(s.want()-s.provisioned(), 0)
}

func (s *state) startingProvisioned() int {
	n := 0
	if s.settings.Provisioned == 0 {
		return 0
	}
	for i := range s.instances {
		if i.provisioned && i.state == rouse.Starting {
			n++
		}
	}
	return n
}

// apart says whether requests on i take no concurrency from the function: as on
// AWS, what is provisioned is set apart for good.
func (s *state) apart(i *instance) bool {
	return i.provisioned && s.settings.Concurrency == 1 && !s.tokens.zero()
}

// comingApart counts the provisioned instances that stand apart and are about to
// have room.
func (s *state) comingApart(now time.Time) int {
	if s.settings.Provisioned == 0 || s.settings.Concurrency != 1 || s.tokens.zero() {
		return 0
	}
	n := s.startingProvisioned() + min(s.asked, s.missing(now))
	for i := range s.instances {
		if i.provisioned && s.comesBack(now, i) {
			n++
		}
	}
	return n
}
