package rouse

import "time"

// SigningConfig is AWS Lambda's code signing configuration: what becomes of code
// that none of its publishers has signed. There is no other code here.
type SigningConfig struct {
	ID          string   `json:"id"` // csc-…
	Description string   `json:"description,omitempty"`
	Publishers  []string `json:"publishers"` // ARNs of signing profiles' versions
	// Enforce refuses such code; else a deployment is only warned of.
	Enforce  bool              `json:"enforce,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	Modified time.Time         `json:"modified"`
}

// SigningARN is a code signing configuration's.
func (p Place) SigningARN(id string) string {
	return "arn:aws:lambda:" + p.Region + ":" + p.Account + ":code-signing-config:" + id
}
