package rouse

import (
	"math"
	"time"
)

// Provisioning asks for instances that are always ready for one qualifier.
type Provisioning struct {
	Count int `json:"count"`
	// Modified is when it was asked for.
	Modified time.Time `json:"modified,omitzero"`
}

// Provisioned is how far a revision's provisioned instances are.
type Provisioned struct {
	Ready int
	// Failed says that they were given up, since none of the last starts came to
	// anything. They are tried again when something is changed, and when a start
	// for a request succeeds.
	Failed bool
}

// MaxProvisionAttempts is how often in a row provisioned instances are started
// in vain before they are given up.
const MaxProvisionAttempts = 6

// ProvisionedFor is how many provisioned instances revision id is to have: what
// the settings say of $LATEST, what its number has, and its share of what
// aliases have, which weights divide.
func (f *Function) ProvisionedFor(id RevisionID) int {
	total := 0
	if id == f.Latest {
		total = f.Settings.Provisioned
	}
	for q, p := range f.Provisioned {
		alias, ok := f.Aliases[q]
		if !ok {
			if number, ok := f.Number(q, 0); ok && f.runs(number, id) {
				total += p.Count
			}
			continue
		}
		second := 0
		if alias.Second != 0 {
			second = int(math.Round(float64(p.Count) * alias.Weight))
		}
		if f.runs(alias.Version, id) {
			total += p.Count - second
		}
		if second > 0 && f.runs(alias.Second, id) {
			total += second
		}
	}
	return total
}

func (f *Function) runs(number int, id RevisionID) bool {
	v := f.Version(number)
	return v != nil && v.Revision == id
}

// TotalProvisioned is how many provisioned instances all revisions have together.
func (f *Function) TotalProvisioned() int {
	total := f.Settings.Provisioned
	for _, p := range f.Provisioned {
		total += p.Count
	}
	return total
}

// AccountShare is how much of the account's concurrency only this function may use.
func (f *Function) AccountShare() int {
	if f.Settings.Reserved != nil {
		return *f.Settings.Reserved
	}
	return f.TotalProvisioned()
}

// SettingsFor are the function's settings as rev runs under them.
func (f *Function) SettingsFor(rev *Revision) Settings {
	s := f.Settings
	s.Provisioned = f.ProvisionedFor(rev.ID)
	if rev.Spec.Contract == ContractLambda {
		s.Concurrency = 1 // the settings were checked against $LATEST, which may be of the other contract
	}
	return s
}
