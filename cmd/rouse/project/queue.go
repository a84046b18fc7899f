package project

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/option"
)

// Queue is what can be declared of a queue.
type Queue struct {
	Name string

	Visibility   rouse.Duration `yaml:"visibility" doc:"how long a received message is hidden from others; at least the timeout of a function that gets it"`
	Delay        rouse.Duration `yaml:"delay" doc:"how long a message waits before it can be received"`
	Retention    rouse.Duration `yaml:"retention" doc:"how long a message is kept"`
	Wait         rouse.Duration `yaml:"wait" doc:"how long a receiver waits for a message that does not say so itself"`
	MaxMessage   rouse.Bytes    `yaml:"max_message" doc:"most bytes of a message"`
	DeadLetters  string         `yaml:"dead_letters" doc:"queue that gets what was received max_receives times"`
	MaxReceives  int            `yaml:"max_receives" doc:"how often a message is received before it is a dead letter"`
	ContentDedup bool           `yaml:"content_dedup" doc:"take a body's hash for its deduplication id (queues whose names end with .fifo)"`
}

// DefaultQueue is what a queue has that declares nothing: SQS's defaults.
func DefaultQueue() Queue {
	return Queue{
		Visibility: rouse.Duration(30 * time.Second), Retention: rouse.Duration(4 * 24 * time.Hour), MaxMessage: rouse.MB, MaxReceives: 3,
	}
}

// FIFO says whether it is a FIFO queue, which SQS has the name say.
func (q *Queue) FIFO() bool { return strings.HasSuffix(q.Name, ".fifo") }

// Attributes are SQS's, but for the redrive policy, which names another queue.
func (q *Queue) Attributes() map[string]string {
	seconds := func(d rouse.Duration) string { return strconv.FormatFloat(d.D().Seconds(), 'f', -1, 64) }
	attributes := map[string]string{
		"VisibilityTimeout": seconds(q.Visibility), "DelaySeconds": seconds(q.Delay), "MessageRetentionPeriod": seconds(q.Retention),
		"ReceiveMessageWaitTimeSeconds": seconds(q.Wait), "MaximumMessageSize": strconv.FormatInt(int64(q.MaxMessage), 10),
	}
	if q.FIFO() {
		attributes["ContentBasedDeduplication"] = strconv.FormatBool(q.ContentDedup)
	}
	return attributes
}

// queueName is SQS's rule for names.
var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)

func readQueue(key string, at, value option.Node) (Queue, error) {
	q := DefaultQueue()
	q.Name = key
	if !queueName.MatchString(key) {
		return q, at.Errorf("queue %q: use 1 to 80 letters, digits, '-' or '_', with .fifo at the end of a FIFO queue's", key)
	}
	if err := value.Into(&q); err != nil {
		return q, err
	}
	if q.ContentDedup && !q.FIFO() {
		return q, at.Errorf("queue %s: content_dedup is for FIFO queues, whose names end with .fifo", key)
	}
	return q, nil
}

// Mapping is what can be declared of a function that is called with a queue's messages.
type Mapping struct {
	Ref rouse.Ref

	Queue           string         `yaml:"queue" doc:"queue whose messages the function gets, or the URL of one elsewhere"`
	Function        string         `yaml:"function" doc:"NAME or NAME:QUALIFIER of the function"`
	BatchSize       int            `yaml:"batch_size" doc:"most messages of a call"`
	Window          rouse.Duration `yaml:"window" doc:"how long a call waits for a whole batch after the first message"`
	PartialFailures bool           `yaml:"partial_failures" doc:"the function's answer names the messages that failed"`
	MaxConcurrency  int            `yaml:"max_concurrency" doc:"most calls at once, 2 to 1000; 0 is no limit of its own"`
	Filters         Patterns       `yaml:"filters" doc:"list of AWS's event patterns; a message that none wants is deleted"`
	Disabled        bool           `yaml:"disabled" doc:"do not call the function for now"`
}

// DefaultMapping is what a mapping has that declares nothing: AWS's defaults.
func DefaultMapping() Mapping { return Mapping{BatchSize: 10} }

func readMapping(value option.Node) (Mapping, error) {
	m := DefaultMapping()
	err := value.Into(&m)
	switch {
	case err != nil:
		return m, err
	case m.Queue == "" || m.Function == "":
		return m, value.Errorf("a mapping needs a queue and a function")
	}
	if m.Ref, err = rouse.ParseRef(m.Function); err != nil {
		return m, value.Errorf("mapping of queue %s: %s", m.Queue, err.(*rouse.Error).Message)
	}
	return m, nil
}

// Patterns are AWS's event patterns, in a file as YAML or as JSON in a string.
type Patterns []string

var _ option.Reader = (*Patterns)(nil)

// ReadYAML reads a list of patterns.
func (p *Patterns) ReadYAML(n option.Node) error {
	*p = nil // the file's value replaces a merged one
	return n.List(func(item option.Node) error {
		b, err := item.JSON()
		if err != nil {
			return err
		}
		var text string
		if json.Unmarshal(b, &text) != nil {
			text = string(b)
		}
		*p = append(*p, text)
		return nil
	})
}
