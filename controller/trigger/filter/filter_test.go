package filter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse/controller/trigger/filter"
)

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The patterns are those of AWS's documentation of its event patterns.
func TestPatternsMatchAsAWSDocumentsThem(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		yes, not []string
	}{
		{`{"Location": ["New York"], "Day": ["Monday"]}`, []string{`{"Location":"New York","Day":"Monday","x":1}`}, []string{`{"Location":"New York"}`, `{"Location":"new york","Day":"Monday"}`}},
		{`{"state": [{"anything-but": "initializing"}]}`, []string{`{"state":"running"}`, `{"state":1}`}, []string{`{"state":"initializing"}`, `{}`}},
		{`{"x-limit": [{"anything-but": [100, 200]}]}`, []string{`{"x-limit":300}`, `{"x-limit":"100"}`}, []string{`{"x-limit":100.0}`}},
		{`{"Region": [{"anything-but": {"prefix": "us-"}}]}`, []string{`{"Region":"eu-west-1"}`}, []string{`{"Region":"us-east-1"}`}},
		{`{"FileName": [{"anything-but": {"suffix": [".png", ".jpg"]}}]}`, []string{`{"FileName":"a.txt"}`}, []string{`{"FileName":"a.jpg"}`}},
		{`{"state": [{"anything-but": {"equals-ignore-case": "initializing"}}]}`, []string{`{"state":"x"}`}, []string{`{"state":"INITIALIZING"}`}},
		{`{"p": [{"anything-but": {"wildcard": "*/lib/*"}}]}`, []string{`{"p":"/usr/bin/x"}`}, []string{`{"p":"/usr/lib/x"}`}},
		{`{"service": [{"prefix": {"equals-ignore-case": "EventB"}}]}`, []string{`{"service":"eventbridge"}`}, []string{`{"service":"events"}`}},
		{`{"LastName": [""]}`, []string{`{"LastName":""}`}, []string{`{"LastName":null}`, `{}`}},
		{`{"Name": [{"equals-ignore-case": "alice"}]}`, []string{`{"Name":"ALICE"}`}, []string{`{"Name":"bob"}`}},
		{`{"FileName": [{"suffix": ".png"}]}`, []string{`{"FileName":"a.png"}`}, []string{`{"FileName":"png"}`}},
		{`{"ProductName": [{"exists": true}]}`, []string{`{"ProductName":null}`}, []string{`{}`, `{"ProductName":{"a":1}}`}},
		{`{"ProductName": [{"exists": false}]}`, []string{`{}`}, []string{`{"ProductName":"x"}`}},
		{`{"a": {"b": [{"exists": false}]}}`, []string{`{}`, `{"a":{"c":1}}`}, []string{`{"a":{"b":1}}`}},
		{`{"ip": [{"cidr": "10.0.0.0/24"}]}`, []string{`{"ip":"10.0.0.9"}`}, []string{`{"ip":"10.0.1.9"}`, `{"ip":"x"}`}},
		{`{"UserID": [null]}`, []string{`{"UserID":null}`}, []string{`{}`, `{"UserID":""}`}},
		{`{"Price": [{"numeric": ["=", 100]}]}`, []string{`{"Price":100}`, `{"Price":1e2}`}, []string{`{"Price":"100"}`, `{"Price":99}`}},
		{`{"Price": [{"numeric": [">", 10, "<=", 20]}]}`, []string{`{"Price":10.01}`, `{"Price":20}`}, []string{`{"Price":10}`, `{"Price":20.5}`}},
		{`{"PaymentType": ["Credit", "Debit"]}`, []string{`{"PaymentType":"Debit"}`, `{"PaymentType":["Cash","Debit"]}`}, []string{`{"PaymentType":["Cash"]}`, `{"PaymentType":[]}`}},
		{`{"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}`, []string{`{"Day":"Monday"}`}, []string{`{"Day":"Friday"}`}},
		{`{"a": ["x"], "$or": [{"c-count": [{"numeric": [">", 0, "<=", 5]}]}, {"d-count": [{"numeric": ["<", 10]}]}]}`, []string{`{"a":"x","d-count":2}`}, []string{`{"a":"x","d-count":20}`, `{"a":"y","d-count":2}`}},
		{`{"f": [{"wildcard": "dir/*.png"}]}`, []string{`{"f":"dir/a/b.png"}`, `{"f":"dir/.png"}`}, []string{`{"f":"dir.png"}`}},
		{`{"f": [{"wildcard": "a\\*b*c"}]}`, []string{`{"f":"a*bxxc"}`}, []string{`{"f":"aXbxc"}`}},
		{`{"f": [{"wildcard": "ab*ba"}]}`, []string{`{"f":"abba"}`}, []string{`{"f":"aba"}`}},
		{`{"items": {"id": [1]}}`, []string{`{"items":[{"id":2},{"id":1}]}`}, []string{`{"items":[1]}`}},
		{`{"on": [true]}`, []string{`{"on":true}`}, []string{`{"on":"true"}`, `{"on":1}`}},
	} {
		p, err := filter.Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, text := range c.yes {
			if !p.Match(decode(t, text)) {
				t.Errorf("%s does not match %s", c.pattern, text)
			}
		}
		for _, text := range c.not {
			if p.Match(decode(t, text)) {
				t.Errorf("%s matches %s", c.pattern, text)
			}
		}
	}
}

func TestABadPatternIsRefusedWithThePlaceOfTheFault(t *testing.T) {
	for pattern, place := range map[string]string{
		`{`:                                   "not JSON",
		`{"a":["x"]} {}`:                      "after its end",
		`[]`:                                  "at the top: must be an object",
		`{}`:                                  "at the top: must not be empty",
		`{"a":"x"}`:                           "at a: must be a list",
		`{"a":{"b":[]}}`:                      "at a.b: must not be an empty list",
		`{"a":[["x"]]}`:                       "at a[0]: must be a value",
		`{"a":["x",{"prefixx":"y"}]}`:         `at a[1]: "prefixx" is not a comparison`,
		`{"a":[{"prefix":1}]}`:                "at a[0].prefix: must be a text",
		`{"a":[{"numeric":["!",1]}]}`:         "at a[0].numeric[0]: must be one of",
		`{"a":[{"numeric":[">","1"]}]}`:       "at a[0].numeric[1]: must be a number",
		`{"a":[{"numeric":[">"]}]}`:           "at a[0].numeric: must be one or two",
		`{"a":[{"exists":"yes"}]}`:            "at a[0].exists: must be true or false",
		`{"a":[{"wildcard":"**"}]}`:           "at a[0].wildcard: must not have two",
		`{"a":[{"wildcard":"\\x"}]}`:          `at a[0].wildcard: a \`,
		`{"a":[{"cidr":"x"}]}`:                "at a[0].cidr",
		`{"a":[{"anything-but":[]}]}`:         "at a[0].anything-but: must not be an empty list",
		`{"$or":[{"a":["x"]}]}`:               "at $or: must have at least 2",
		`{"$or":[{"a":["x"]},{"b":1}]}`:       "at $or[1].b: must be a list",
		`{"a":[{"prefix":"a","suffix":"b"}]}`: "at a[0]: must have exactly one",
		`{"a":[1e999999999]}`:                 "at a[0]: 1e999999999 is too large",
	} {
		_, err := filter.Parse(pattern)
		if err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: got %v, want %q in it", pattern, err, place)
		}
	}
}

func FuzzPatternsNeverPanic(f *testing.F) {
	f.Add(`{"a":[{"wildcard":"a*b"}]}`, `{"a":"axb"}`)
	f.Add(`{"$or":[{"a":[{"numeric":["<",5]}]},{"b":{"c":[{"exists":false}]}}]}`, `{"a":[1,2],"b":{}}`)
	f.Fuzz(func(t *testing.T, pattern, document string) {
		p, err := filter.Parse(pattern)
		if err != nil {
			return
		}
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(document))
		d.UseNumber()
		if d.Decode(&v) == nil {
			p.Match(v)
		}
	})
}
