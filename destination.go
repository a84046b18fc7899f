package rouse

import "strings"

// Destination is where the record of an event's end goes. One of its fields is set.
type Destination struct {
	Queue    string // of this Rouse, by name
	Function Ref    // of this Rouse
	Webhook  string // a URL
}

// ParseDestination reads the ARN of a queue or a function of this place, or a
// webhook's URL. Whether what it names exists, and whether the URL is allowed,
// is not looked at. The error says what is allowed.
func (p Place) ParseDestination(s string) (Destination, error) {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return Destination{Webhook: s}, nil
	}
	allowed := func() error {
		return Errorf(Invalid, "destination %q: must be the ARN of a function or a standard queue of %s in %s, or a URL", Clip(s), p.Account, p.Region)
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[3] != p.Region || parts[4] != p.Account {
		return Destination{}, allowed()
	}
	switch service, resource := parts[2], parts[5]; service {
	case "sqs":
		if !word(resource, maxQueue) {
			return Destination{}, allowed()
		}
		return Destination{Queue: resource}, nil
	case "lambda":
		name, ok := strings.CutPrefix(resource, "function:")
		if !ok {
			return Destination{}, allowed()
		}
		ref, err := ParseRef(name)
		if err != nil {
			return Destination{}, allowed()
		}
		return Destination{Function: ref}, nil
	}
	return Destination{}, allowed()
}

// maxQueue is how long a queue's name may be, as on SQS.
const maxQueue = 80
