package rouse

import "regexp"

// Place is where ARNs say that functions live.
type Place struct {
	Region  string
	Account string // 12 digits
}

// DefaultPlace is what local tools for AWS use.
var DefaultPlace = Place{Region: "us-east-1", Account: "000000000000"}

var (
	region  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]$`)
	account = regexp.MustCompile(`^[0-9]{12}$`)
)

// ARN is the function's, with its qualifier when q is not empty.
func (p Place) ARN(name FunctionName, q Qualifier) string {
	arn := "arn:aws:lambda:" + p.Region + ":" + p.Account + ":function:" + string(name)
	if q != "" {
		arn += ":" + string(q)
	}
	return arn
}

// LayerARN is a layer's, or with a version that version's.
func (p Place) LayerARN(layer, version string) string {
	arn := "arn:aws:lambda:" + p.Region + ":" + p.Account + ":layer:" + layer
	if version != "" {
		arn += ":" + version
	}
	return arn
}

// QueueARN is a queue's.
func (p Place) QueueARN(name string) string {
	return "arn:aws:sqs:" + p.Region + ":" + p.Account + ":" + name
}

// MappingARN is an event source mapping's.
func (p Place) MappingARN(id string) string {
	return "arn:aws:lambda:" + p.Region + ":" + p.Account + ":event-source-mapping:" + id
}

// Validate says which part is wrong and what is allowed.
func (p Place) Validate() error {
	if !region.MatchString(p.Region) {
		return Errorf(Invalid, "region %q: write it like us-east-1", Clip(p.Region))
	}
	if !account.MatchString(p.Account) {
		return Errorf(Invalid, "account %q: must be 12 digits", Clip(p.Account))
	}
	return nil
}
