package rouse

import "time"

// Key lets its owner use the platform when it asks who calls. Signatures are
// made with the secret itself, so the secret is kept and not a hash of it.
type Key struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret,omitempty"` // shown once, when the key is made
	Name    string    `json:"name,omitempty"`   // for people
	Created time.Time `json:"created"`
}
