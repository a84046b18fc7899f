package rouse

import "time"

// Layer is files that functions share, with the versions of them that there are.
type Layer struct {
	Name string `json:"name"`
	// Published is the highest number that a version has had; numbers are never
	// used again.
	Published int            `json:"published"`
	Versions  []LayerVersion `json:"versions,omitempty"` // by number
	// Generation counts the writes; a write against another generation is a conflict.
	Generation uint64 `json:"generation"`
}

// LayerVersion is one of a layer's versions. Functions that were made with it
// keep its files when it is deleted.
type LayerVersion struct {
	Number        int         `json:"number"`
	Description   string      `json:"description,omitempty"`
	License       string      `json:"license,omitempty"`
	Runtimes      []string    `json:"runtimes,omitzero"`
	Architectures []string    `json:"architectures,omitzero"`
	Created       time.Time   `json:"created"`
	Package       Package     `json:"package"`
	Policy        []Statement `json:"policy,omitempty"`
	PolicyID      string      `json:"policy_id,omitempty"` // of the policy's last change
}

// Version finds a version; nil when there is none.
func (l *Layer) Version(number int) *LayerVersion {
	for i := range l.Versions {
		if l.Versions[i].Number == number {
			return &l.Versions[i]
		}
	}
	return nil
}
