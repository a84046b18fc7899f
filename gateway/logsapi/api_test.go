package logsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// world has the functions f and g, and a log of f's.
type world struct {
	group string // of f, when it has a name of its own
	lines []Line
	err   error
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func (w *world) Functions() []rouse.Function {
	return []rouse.Function{{Name: "g", Created: noon}, {Name: "f", Created: noon, Latest: "of f"}}
}

func (w *world) Function(name rouse.FunctionName) (*rouse.Function, error) {
	if name != "f" && name != "g" {
		return nil, rouse.Errorf(rouse.NotFound, "no function")
	}
	for _, fn := range w.Functions() {
		if fn.Name == name {
			return &fn, nil
		}
	}
	panic("it is neither")
}

func (w *world) Revision(id rouse.RevisionID) (*rouse.Revision, error) {
	if id == "of f" {
		return &rouse.Revision{ID: id, Spec: rouse.Spec{LogGroup: w.group}}, nil
	}
	if id != "one" {
		return nil, rouse.Errorf(rouse.NotFound, "no revision")
	}
	return &rouse.Revision{ID: id, Created: noon.AddDate(0, 0, -1)}, nil
}

func (w *world) Lines(_ context.Context, fn rouse.FunctionName, since time.Time) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for _, line := range w.lines {
			if fn == "f" && !line.Time.Before(since) && !yield(line, nil) {
				return
			}
		}
		if w.err != nil {
			yield(Line{}, w.err)
		}
	}
}

// said is a world whose f printed lines, two in each millisecond, of one
// revision or, when they begin with "old", of one that is gone.
func said(texts ...string) *world {
	w := &world{}
	for i, text := range texts {
		id := rouse.RevisionID("one")
		if strings.HasPrefix(text, "old") {
			id = "gone"
		}
		w.lines = append(w.lines, Line{noon.Add(time.Duration(i/2) * time.Millisecond), id, rouse.InstanceID(id), text})
	}
	return w
}

const (
	streamOne  = "2026/01/01/[$LATEST]7692c3ad3540bb803c020b3aee66cd88"
	streamGone = "2026/01/02/[$LATEST]283bb9deef02e6843abfb538efa1eca7"
	logOfF     = `"logGroupName":"/aws/lambda/f"`
)

// ask sends an operation; elsewhere answers 418.
func (w *world) ask(t *testing.T, alone bool, operation, body string) (int, answer) {
	t.Helper()
	h := New(Config{Catalog: w, Logs: w, Alone: alone, Place: rouse.DefaultPlace, Log: slog.New(slog.DiscardHandler),
		Elsewhere: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusTeapot)
			json.NewEncoder(w).Encode(answer{Message: string(b)})
		})})
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var a answer
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s %s: %d %s", operation, body, rec.Code, rec.Body)
	}
	return rec.Code, a
}

// answer is what any operation answers.
type answer struct {
	Type         string `json:"__type"`
	Message      string `json:"message"`
	LogGroups    []struct{ LogGroupName, ARN string }
	LogStreams   []described
	Events       []filtered
	NextToken    string
	NextForward  string `json:"nextForwardToken"`
	NextBackward string `json:"nextBackwardToken"`
}

func (a answer) texts() (list []string) {
	for _, e := range a.Events {
		list = append(list, strings.TrimSuffix(e.Message, "\n"))
	}
	return list
}

func TestEventsAreSelected(t *testing.T) {
	w := said("old start", "old error: a", "start", "error: b c", "warn: d", "end")
	at := noon.UnixMilli()
	for _, c := range []struct {
		more string
		want []string
	}{
		{``, []string{"old start", "old error: a", "start", "error: b c", "warn: d", "end"}},
		{fmt.Sprintf(`,"startTime":%d`, at+1), []string{"start", "error: b c", "warn: d", "end"}},
		{fmt.Sprintf(`,"startTime":%d,"endTime":%d`, at+1, at+1), []string{"start", "error: b c"}},
		{`,"logStreamNames":["` + streamGone + `"]`, []string{"old start", "old error: a"}},
		{`,"logStreamNamePrefix":"2026/01/01"`, []string{"start", "error: b c", "warn: d", "end"}},
		{`,"filterPattern":"error"`, []string{"old error: a", "error: b c"}},
		{`,"filterPattern":"error -old"`, []string{"error: b c"}},
		{`,"filterPattern":"?warn ?end"`, []string{"warn: d", "end"}},
		{`,"filterPattern":"\"b c\" error"`, []string{"error: b c"}},
		{`,"filterPattern":"absent"`, nil},
	} {
		code, got := w.ask(t, true, "FilterLogEvents", "{"+logOfF+c.more+"}")
		if code != 200 || !slices.Equal(got.texts(), c.want) || got.NextToken != "" {
			t.Errorf("%s: %d %v, want %v", c.more, code, got, c.want)
		}
	}
	code, got := w.ask(t, true, "FilterLogEvents", `{"logGroupIdentifier":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*","limit":1}`)
	if e := got.Events[0]; code != 200 || e.Stream != streamGone || e.At != at || e.Ingested != at || e.Message != "old start\n" || len(e.ID) != idDigits {
		t.Errorf("by its ARN: %d %+v", code, got)
	}
}

func TestPagesHaveEveryEventOnce(t *testing.T) {
	long := strings.Repeat("x", maxPage/2)
	w := said("1", "1", "2", long, long, "3", "4")
	for _, limit := range []int{1, 2, 3, 5, 7, 100} {
		var got []string
		ids := map[string]bool{}
		for token := ""; ; {
			code, part := w.ask(t, true, "FilterLogEvents", fmt.Sprintf(`{%s,"limit":%d,"nextToken":%q}`, logOfF, limit, token))
			if code != 200 || len(part.Events) == 0 || len(part.Events) > limit {
				t.Fatalf("limit %d: %d, %d events", limit, code, len(part.Events))
			}
			got = append(got, part.texts()...)
			for _, e := range part.Events {
				ids[e.ID] = true
			}
			if token = part.NextToken; token == "" {
				break
			}
		}
		if !slices.Equal(got, []string{"1", "1", "2", long, long, "3", "4"}) || len(ids) != len(got) {
			t.Errorf("limit %d: %d events with %d names", limit, len(got), len(ids))
		}
	}
}

func TestAStreamIsReadBothWays(t *testing.T) {
	w := said("1", "old", "2", "3", "4", "5")
	read := func(more string) answer {
		t.Helper()
		code, got := w.ask(t, true, "GetLogEvents", `{`+logOfF+`,"logStreamName":"`+streamOne+`","limit":2`+more+`}`)
		if code != 200 {
			t.Fatalf("%s: %d %+v", more, code, got)
		}
		return got
	}
	follow := func(token string) answer { return read(`,"nextToken":"` + token + `"`) }
	last := read("")
	before := follow(last.NextBackward)
	first := follow(before.NextBackward)
	for _, c := range []struct {
		got  answer
		want []string
	}{
		{last, []string{"4", "5"}}, {before, []string{"2", "3"}}, {first, []string{"1"}}, {follow(first.NextBackward), nil}, {follow(last.NextForward), nil},
		{read(`,"startFromHead":true`), []string{"1", "2"}}, {follow(read(`,"startFromHead":true`).NextForward), []string{"3", "4"}},
		{read(fmt.Sprintf(`,"endTime":%d`, noon.UnixMilli()+2)), []string{"2", "3"}},
	} {
		if !slices.Equal(c.got.texts(), c.want) {
			t.Errorf("%v, want %v", c.got.texts(), c.want)
		}
	}
	if end := follow(last.NextForward); end.NextForward != last.NextForward {
		t.Errorf("at the end the token is %s after %s", end.NextForward, last.NextForward)
	}
	w.lines = append(w.lines, Line{noon.Add(time.Second), "one", "one", "6"})
	if got := follow(last.NextForward).texts(); !slices.Equal(got, []string{"6"}) {
		t.Errorf("what came later: %v", got)
	}
}

func TestStreamsAndGroupsAreListed(t *testing.T) {
	w := said("old", "1", "2", "3")
	names := func(body string) (list []string) {
		code, got := w.ask(t, true, "DescribeLogStreams", body)
		for _, s := range got.LogStreams {
			list = append(list, s.Name)
		}
		if code != 200 {
			t.Errorf("%s: %d %+v", body, code, got)
		}
		return append(list, got.NextToken)
	}
	for body, want := range map[string][]string{
		`{` + logOfF + `}`:                                             {streamOne, streamGone, ""},
		`{` + logOfF + `,"descending":true}`:                           {streamGone, streamOne, ""},
		`{` + logOfF + `,"orderBy":"LastEventTime"}`:                   {streamGone, streamOne, ""},
		`{` + logOfF + `,"orderBy":"LastEventTime","descending":true}`: {streamOne, streamGone, ""},
		`{` + logOfF + `,"logStreamNamePrefix":"2026/01/02"}`:          {streamGone, ""},
		`{` + logOfF + `,"limit":1}`:                                   {streamOne, streamOne},
		`{` + logOfF + `,"limit":1,"nextToken":"` + streamOne + `"}`:   {streamGone, ""},
		`{"logGroupName":"/aws/lambda/g"}`:                             {""},
	} {
		if got := names(body); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
	code, got := w.ask(t, true, "DescribeLogGroups", `{}`)
	if code != 200 || len(got.LogGroups) != 2 || got.LogGroups[0].ARN != "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*" {
		t.Errorf("%d %+v", code, got)
	}
	if _, got := w.ask(t, true, "DescribeLogGroups", `{"logGroupNamePattern":"LAMBDA/G"}`); len(got.LogGroups) != 1 || got.LogGroups[0].LogGroupName != "/aws/lambda/g" {
		t.Errorf("by a pattern: %+v", got)
	}
}

func TestALogGroupMayHaveANameOfItsOwn(t *testing.T) {
	w := said("1", "2")
	w.group = "/mine"
	for _, group := range []string{`"logGroupName":"/mine"`, `"logGroupIdentifier":"arn:aws:logs:us-east-1:000000000000:log-group:/mine"`, logOfF} {
		if code, got := w.ask(t, false, "FilterLogEvents", `{`+group+`}`); code != 200 || !slices.Equal(got.texts(), []string{"1", "2"}) {
			t.Errorf("%s: %d %+v", group, code, got)
		}
	}
	if _, got := w.ask(t, true, "DescribeLogGroups", `{}`); len(got.LogGroups) != 2 || got.LogGroups[1].LogGroupName != "/mine" {
		t.Errorf("%+v", got.LogGroups)
	}
	if _, got := w.ask(t, true, "DescribeLogStreams", `{"logGroupName":"/mine"}`); len(got.LogStreams) != 1 || !strings.Contains(got.LogStreams[0].ARN, ":log-group:/mine:log-stream:") {
		t.Errorf("%+v", got.LogStreams)
	}
}

func TestWhatIsNotAFunctionsIsAskedElsewhere(t *testing.T) {
	w := said("1")
	for operation, body := range map[string]string{
		"CreateLogGroup":     `{"logGroupName":"/aws/lambda/f"}`,
		"DescribeLogGroups":  `{}`,
		"DescribeLogStreams": `{"logGroupName":"/aws/lambda/nobody"}`,
		"FilterLogEvents":    `{"logGroupName":"/mine"}`,
		"GetLogEvents":       `{"logGroupName":"/mine","logStreamName":"s"}`,
	} {
		if code, got := w.ask(t, false, operation, body); code != http.StatusTeapot || got.Message != body {
			t.Errorf("%s: %d %+v", operation, code, got)
		}
	}
	if code, _ := w.ask(t, false, "DescribeLogGroups", `{"logGroupNamePrefix":"/aws/lambda/f"}`); code != 200 {
		t.Errorf("functions' groups by their prefix: %d", code)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	w := said("1")
	for _, c := range []struct{ operation, body, name, says string }{
		{"FilterLogEvents", `{"logGroupName":"/aws/lambda/nobody"}`, "ResourceNotFoundException", "The specified log group does not exist."},
		{"GetLogEvents", `{` + logOfF + `,"logStreamName":"none"}`, "ResourceNotFoundException", "The specified log stream does not exist."},
		{"FilterLogEvents", `{}`, "InvalidParameterException", "'logGroupName' failed to satisfy constraint"},
		{"FilterLogEvents", `{`, "SerializationException", "unexpected end"},
		{"FilterLogEvents", `{"logGroupName":7}`, "SerializationException", "cannot unmarshal"},
		{"FilterLogEvents", `{` + logOfF + `,"logGroupIdentifier":"x"}`, "InvalidParameterException", "cannot both be given"},
		{"FilterLogEvents", `{` + logOfF + `,"logStreamNames":["a"],"logStreamNamePrefix":"b"}`, "InvalidParameterException", "cannot both be given"},
		{"FilterLogEvents", `{` + logOfF + `,"limit":10001}`, "InvalidParameterException", "less than or equal to 10000"},
		{"FilterLogEvents", `{` + logOfF + `,"limit":-1}`, "InvalidParameterException", "greater than or equal to 1"},
		{"FilterLogEvents", `{` + logOfF + `,"startTime":-1}`, "InvalidParameterException", "must not be negative"},
		{"FilterLogEvents", `{` + logOfF + `,"nextToken":"x"}`, "InvalidParameterException", "nextToken is invalid"},
		{"FilterLogEvents", `{` + logOfF + `,"nextToken":"` + strings.Repeat("1", idDigits) + `"}`, "InvalidParameterException", "nextToken is invalid"},
		{"FilterLogEvents", `{` + logOfF + `,"filterPattern":"{ $.a = 1 }"}`, "InvalidParameterException", "filterPattern is not available"},
		{"FilterLogEvents", `{` + logOfF + `,"filterPattern":"\"open"}`, "InvalidParameterException", "a quote is not closed"},
		{"GetLogEvents", `{` + logOfF + `,"logStreamName":"` + streamOne + `","nextToken":"x"}`, "InvalidParameterException", "nextToken is invalid"},
		{"GetLogEvents", `{` + logOfF + `,"logStreamName":"` + streamOne + `","nextToken":"f/x"}`, "InvalidParameterException", "nextToken is invalid"},
		{"GetLogEvents", `{` + logOfF + `,"logStreamName":"` + streamOne + `","nextToken":"b/x"}`, "InvalidParameterException", "nextToken is invalid"},
		{"DescribeLogStreams", `{` + logOfF + `,"orderBy":"x"}`, "InvalidParameterException", "[LogStreamName, LastEventTime]"},
		{"DescribeLogStreams", `{` + logOfF + `,"limit":51}`, "InvalidParameterException", "less than or equal to 50"},
		{"DescribeLogStreams", `{` + logOfF + `,"nextToken":"x"}`, "InvalidParameterException", "nextToken is invalid"},
		{"DescribeLogGroups", `{"logGroupNamePrefix":"a","logGroupNamePattern":"b"}`, "InvalidParameterException", "mutually exclusive"},
	} {
		if code, got := w.ask(t, true, c.operation, c.body); code != 400 || got.Type != c.name || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s %s: %d %s %s", c.operation, c.body, code, got.Type, got.Message)
		}
	}
	w.err = errors.New("the disk is gone")
	if code, got := w.ask(t, true, "FilterLogEvents", `{`+logOfF+`}`); code != 500 || strings.Contains(got.Message, "disk") {
		t.Errorf("an error of the log: %d %+v", code, got)
	}
}
