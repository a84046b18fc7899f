package queue

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func ids(ms []Message) string {
	var list []string
	for _, m := range ms {
		list = append(list, m.ID)
	}
	return strings.Join(list, " ")
}

func TestAnAnswerSaysWhichMessagesAreDone(t *testing.T) {
	batch := []Message{{ID: "1", Group: "a"}, {ID: "2", Group: "b"}, {ID: "3", Group: "a"}, {ID: "4", Group: "b"}}
	for _, c := range []struct {
		answer        string
		partial, fifo bool
		done          string
	}{
		{`{"batchItemFailures":[{"itemIdentifier":"1"}]}`, false, false, "1 2 3 4"}, // nobody asked
		{`{"batchItemFailures":[{"itemIdentifier":"1"}]}`, true, false, "2 3 4"},
		{`{"batchItemFailures":[{"itemIdentifier":"1"}]}`, true, true, "2 4"}, // 3 must not overtake 1
		{`{"batchItemFailures":[]}`, true, false, "1 2 3 4"},
		{`{"batchItemFailures":null}`, true, false, "1 2 3 4"},
		{`{}`, true, false, "1 2 3 4"},
		{`null`, true, false, "1 2 3 4"},
		{``, true, false, "1 2 3 4"},
		{`"done"`, true, false, ""},
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, true, false, ""},
		{`{"batchItemFailures":[{"itemIdentifier":null}]}`, true, false, ""},
		{`{"batchItemFailures":[{"id":"1"}]}`, true, false, ""},
		{`{"batchItemFailures":[{"itemIdentifier":"9"}]}`, true, false, ""},
	} {
		if got := ids(succeeded(batch, []byte(c.answer), c.partial, c.fifo)); got != c.done {
			t.Errorf("%s (partial %v, fifo %v): done are %q, want %q", c.answer, c.partial, c.fifo, got, c.done)
		}
	}
}

func TestMessagesAreFilteredByTheirBodies(t *testing.T) {
	for _, c := range []struct {
		patterns, yes, not []string
	}{
		{nil, []string{"anything"}, nil},
		{[]string{`{"body":{"n":[{"numeric":[">",1]}]}}`}, []string{`{"n":2}`}, []string{`{"n":1}`, `n=2`, `[{"n":2}]`, ``}},
		{[]string{`{"body":["plain",{"prefix":"p:"}]}`}, []string{"plain", "p:x"}, []string{`{"plain":1}`}},
		{[]string{`{"body":{"a":["x"]}}`, `{"body":{"b":["y"]}}`}, []string{`{"a":"x"}`, `{"b":"y"}`}, []string{`{"a":"y"}`}},
	} {
		fs, err := parseFilters(c.patterns)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range c.yes {
			if !fs.want(body) {
				t.Errorf("%v does not want %s", c.patterns, body)
			}
		}
		for _, body := range c.not {
			if fs.want(body) {
				t.Errorf("%v wants %s", c.patterns, body)
			}
		}
	}
	if _, err := parseFilters([]string{`{"messageAttributes":{"a":["x"]}}`}); err == nil || !strings.Contains(err.Error(), "at messageAttributes") {
		t.Errorf("a pattern that is not of the body: %v", err)
	}
}

func TestABatchThatIsTooLargeForOneEventBecomesSeveral(t *testing.T) {
	var batch []Message
	for _, id := range []string{"1", "2", "3"} {
		batch = append(batch, Message{ID: id, Body: strings.Repeat("<", 1000)})
	}
	list, err := pieces(batch, Description{ARN: "arn", Region: "r"}, 3000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list {
		if len(p.event) > 3000 {
			t.Errorf("an event of %d bytes", len(p.event))
		}
		var event struct{ Records []record }
		if err := json.Unmarshal(p.event, &event); err != nil {
			t.Fatal(err)
		}
		if len(event.Records) != len(p.messages) || event.Records[0].Body != batch[0].Body || event.Records[0].EventSource != "aws:sqs" {
			t.Errorf("records %+v of messages %v", event.Records, p.messages)
		}
		got = append(got, ids(p.messages))
	}
	if strings.Join(got, "|") != "1 2|3" {
		t.Errorf("pieces are %q", got)
	}
}

func TestCallsGrowWhileMessagesWaitAndShrinkAfterRefusals(t *testing.T) {
	now := time.Now()
	s := scale{}.step(now, 0, true, 1000)
	if s.limit != firstCalls {
		t.Fatalf("it begins with %d", s.limit)
	}
	for range 60 {
		now = now.Add(scaleEvery)
		s = s.step(now, s.limit, true, 1000)
	}
	if s.limit != firstCalls+300 {
		t.Errorf("after a minute %d may run", s.limit)
	}
	if s = s.refused(now); s.limit != (firstCalls+300)/2 {
		t.Errorf("after a refusal %d may run", s.limit)
	}
	if s = s.step(now, 0, true, 2); s.limit != 2 {
		t.Errorf("%d may run where 2 are allowed", s.limit)
	}
	if s = s.step(now, 0, true, 0); s.limit != 0 {
		t.Errorf("%d may run where none is allowed", s.limit)
	}
	if s = s.step(now, 0, true, 3); s.limit != 3 {
		t.Errorf("%d may run where 3 are allowed again", s.limit)
	}
}
