package sqsapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rousehq/rouse"
)

// extra is what this API keeps of a queue and enforces itself. Its JSON is
// rouse.QueueDefinition.Extra.
type extra struct {
	MaxSize    int       `json:"max_size,omitempty"` // bytes; 0 is the default
	Wait       int       `json:"wait,omitempty"`     // seconds
	Policy     string    `json:"policy,omitempty"`
	ContentID  bool      `json:"content_id,omitempty"` // a body's hash is its deduplication id
	Throughput string    `json:"throughput,omitempty"` // FifoThroughputLimit
	Allow      string    `json:"allow,omitempty"`      // RedriveAllowPolicy
	Purged     time.Time `json:"purged,omitzero"`
}

func extraOf(d rouse.QueueDefinition) (x extra) {
	if len(d.Extra) > 0 {
		_ = json.Unmarshal(d.Extra, &x) // as put wrote it
	}
	return x
}

func (x extra) put(d *rouse.QueueDefinition) {
	if x == (extra{}) { // as nearly all are, and every request asks
		d.Extra = nil
		return
	}
	b, err := json.Marshal(x)
	if err != nil {
		panic("sqsapi: attributes that cannot be encoded: " + err.Error())
	}
	d.Extra = b
}

// maxSize is the most bytes that a message may have.
func (x extra) maxSize() int {
	if x.MaxSize == 0 {
		return maxMessage
	}
	return x.MaxSize
}

const (
	maxMessage = int(rouse.MB)
	minMessage = 1024
	maxWait    = 20
	maxHidden  = 12 * 60 * 60 // seconds
	maxDelay   = 15 * 60
)

// defaults are what a queue has that says nothing.
func defaults() rouse.QueueDefinition {
	return rouse.QueueDefinition{
		Visibility: rouse.Duration(30 * time.Second), Retention: rouse.Duration(4 * 24 * time.Hour),
	}
}

// attribute is how one of a queue's attributes is read and set.
type attribute struct {
	// get is nil for what only describes; "" means that the queue has none.
	get func(a *api, q rouse.Queue, x extra) string
	// set is nil for what cannot be set. It returns why a value is wrong.
	set func(a *api, e *edit, value string) (why string)
	// fifo attributes are only for FIFO queues.
	fifo bool
}

// edit is a definition that is being changed.
type edit struct {
	name string
	d    *rouse.QueueDefinition
	x    *extra
}

// attributes are those that can be read, and those that can be set.
var attributes = map[string]attribute{
	"VisibilityTimeout": {
		get: func(_ *api, q rouse.Queue, _ extra) string { return inSeconds(q.Definition.Visibility) },
		set: func(_ *api, e *edit, v string) string { return setSeconds(&e.d.Visibility, v, 0, maxHidden) },
	},
	"DelaySeconds": {
		get: func(_ *api, q rouse.Queue, _ extra) string { return inSeconds(q.Definition.Delay) },
		set: func(_ *api, e *edit, v string) string { return setSeconds(&e.d.Delay, v, 0, maxDelay) },
	},
	"MessageRetentionPeriod": {
		get: func(_ *api, q rouse.Queue, _ extra) string { return inSeconds(q.Definition.Retention) },
		set: func(_ *api, e *edit, v string) string { return setSeconds(&e.d.Retention, v, 60, 14*24*60*60) },
	},
	"MaximumMessageSize": {
		get: func(_ *api, _ rouse.Queue, x extra) string { return strconv.Itoa(x.maxSize()) },
		set: func(_ *api, e *edit, v string) string { return setNumber(&e.x.MaxSize, v, minMessage, maxMessage) },
	},
	"ReceiveMessageWaitTimeSeconds": {
		get: func(_ *api, _ rouse.Queue, x extra) string { return strconv.Itoa(x.Wait) },
		set: func(_ *api, e *edit, v string) string { return setNumber(&e.x.Wait, v, 0, maxWait) },
	},
	"Policy": {
		get: func(_ *api, _ rouse.Queue, x extra) string { return x.Policy },
		set: setPolicy,
	},
	"RedrivePolicy":      {get: (*api).redrivePolicy, set: (*api).setRedrivePolicy},
	"RedriveAllowPolicy": {get: func(_ *api, _ rouse.Queue, x extra) string { return x.Allow }, set: setAllowPolicy},
	"FifoQueue": {
		get: func(_ *api, q rouse.Queue, _ extra) string {
			if !q.Definition.FIFO {
				return ""
			}
			return "true"
		},
		set: func(_ *api, e *edit, v string) string {
			if v != "true" || !e.d.FIFO {
				return "must be true, and only for a queue whose name ends with .fifo"
			}
			return ""
		},
	},
	"ContentBasedDeduplication": {
		fifo: true,
		get:  func(_ *api, _ rouse.Queue, x extra) string { return strconv.FormatBool(x.ContentID) },
		set:  func(_ *api, e *edit, v string) string { return setBool(&e.x.ContentID, v) },
	},
	"DeduplicationScope": {
		fifo: true,
		get: func(_ *api, q rouse.Queue, _ extra) string {
			if q.Definition.DedupByGroup {
				return "messageGroup"
			}
			return "queue"
		},
		set: func(_ *api, e *edit, v string) string {
			e.d.DedupByGroup = v == "messageGroup"
			return oneOf(v, "messageGroup", "queue")
		},
	},
	"FifoThroughputLimit": {
		fifo: true,
		get: func(_ *api, _ rouse.Queue, x extra) string {
			if x.Throughput == "" {
				return "perQueue"
			}
			return x.Throughput
		},
		set: func(_ *api, e *edit, v string) string {
			e.x.Throughput = v
			return oneOf(v, "perQueue", "perMessageGroupId")
		},
	},
	"KmsMasterKeyId":               {set: noEncryption},
	"KmsDataKeyReusePeriodSeconds": {set: noEncryption},
	"SqsManagedSseEnabled": {
		get: func(*api, rouse.Queue, extra) string { return "false" },
		set: func(a *api, e *edit, v string) string {
			if v == "false" {
				return ""
			}
			return noEncryption(a, e, v)
		},
	},

	"QueueArn": {get: func(a *api, q rouse.Queue, _ extra) string { return a.Place.QueueARN(q.Name) }},
	"CreatedTimestamp": {get: func(_ *api, q rouse.Queue, _ extra) string {
		return strconv.FormatInt(q.Definition.Created.Unix(), 10)
	}},
	"LastModifiedTimestamp": {get: func(_ *api, q rouse.Queue, _ extra) string {
		changed := q.Definition.Changed
		if changed.IsZero() {
			changed = q.Definition.Created
		}
		return strconv.FormatInt(changed.Unix(), 10)
	}},
	"ApproximateNumberOfMessages":           {get: func(_ *api, q rouse.Queue, _ extra) string { return strconv.Itoa(q.Counts.Ready) }},
	"ApproximateNumberOfMessagesDelayed":    {get: func(_ *api, q rouse.Queue, _ extra) string { return strconv.Itoa(q.Counts.Waiting) }},
	"ApproximateNumberOfMessagesNotVisible": {get: func(_ *api, q rouse.Queue, _ extra) string { return strconv.Itoa(q.Counts.Leased) }},
}

func inSeconds(d rouse.Duration) string { return strconv.Itoa(int(d.D() / time.Second)) }

func setSeconds(to *rouse.Duration, value string, least, most int) string {
	var n int
	why := setNumber(&n, value, least, most)
	*to = rouse.Duration(time.Duration(n) * time.Second)
	return why
}

func setNumber(to *int, value string, least, most int) string {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return "must be an integer from " + strconv.Itoa(least) + " to " + strconv.Itoa(most) + "."
	}
	*to = n
	return ""
}

func setBool(to *bool, value string) string {
	*to = value == "true"
	return oneOf(value, "true", "false")
}

func oneOf(value, one, other string) string {
	if value == one || value == other {
		return ""
	}
	return "must be " + one + " or " + other + "."
}

func setPolicy(_ *api, e *edit, value string) string {
	if value != "" && !json.Valid([]byte(value)) {
		return "must be a JSON document."
	}
	e.x.Policy = value
	return ""
}

func noEncryption(_ *api, _ *edit, value string) string {
	if value == "" {
		return ""
	}
	return "Rouse does not encrypt queues; keep its data directory on an encrypted disk."
}

// apply sets attributes of a definition, all or none.
func (a *api) apply(name string, d *rouse.QueueDefinition, values map[string]string) error {
	x := extraOf(*d)
	e := &edit{name: name, d: d, x: &x}
	for _, key := range sorted(values) {
		attr, ok := attributes[key]
		if !ok || attr.set == nil || attr.fifo && !d.FIFO {
			return fail("InvalidAttributeName", "Unknown Attribute %s.", clip(key))
		}
		if why := attr.set(a, e, values[key]); why != "" {
			return badAttribute(key, why)
		}
	}
	if x.Throughput == "perMessageGroupId" && !d.DedupByGroup {
		return badAttribute("FifoThroughputLimit", "perMessageGroupId needs DeduplicationScope messageGroup.")
	}
	x.put(d)
	return nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
