package lambdaapi

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

const mappingID = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"

// oneMapping is an event source mapping that tests look at.
type oneMapping struct{ m rouse.Mapping }

func (o *oneMapping) Mappings() []rouse.Mapping { return []rouse.Mapping{o.m} }

func (o *oneMapping) CreateMapping(_ context.Context, m rouse.Mapping) (rouse.Mapping, error) {
	m.ID = mappingID
	o.m = m
	return m, nil
}

func (o *oneMapping) ChangeMapping(_ context.Context, id string, edit func(*rouse.Mapping) error) (rouse.Mapping, error) {
	m := o.m
	if id != m.ID {
		return m, rouse.Errorf(rouse.NotFound, "no mapping")
	}
	err := edit(&m)
	if err == nil {
		o.m = m
	}
	return m, err
}

func (o *oneMapping) DeleteMapping(context.Context, string) (rouse.Mapping, error) { return o.m, nil }

func (o *oneMapping) CheckFilters([]string) error { return nil }

func TestFunctionsAndMappingsAreTagged(t *testing.T) {
	w := newWorld()
	w.mappings = &oneMapping{rouse.Mapping{ID: mappingID, Tags: map[string]string{"made": "so"}}}
	h := w.api()
	for arn, first := range map[string]string{rouse.DefaultPlace.ARN("f", ""): `{"Tags":{}}`, rouse.DefaultPlace.MappingARN(mappingID): `{"Tags":{"made":"so"}}`} {
		at := "/2017-03-31/tags/" + url.PathEscape(arn)
		step := func(method, path, body string, status int, want string) {
			t.Helper()
			got := call(h, method, path, body)
			if got.Code != status || !strings.Contains(got.Body.String(), want) {
				t.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, got.Code, got.Body, status, want)
			}
		}
		step("GET", at, "", 200, first)
		step("POST", at, `{"Tags":{"a":"1","b":"2"}}`, 204, "")
		step("DELETE", at+"?tagKeys=a&tagKeys=made&tagKeys=none", "", 204, "")
		step("GET", at, "", 200, `{"Tags":{"b":"2"}}`)
		many := []string{}
		for i := range 50 {
			many = append(many, fmt.Sprintf(`"k%d":""`, i))
		}
		step("POST", at, `{"Tags":{`+strings.Join(many, ",")+`}}`, 400, "Number of tags exceeds resource tag limit.")
		step("GET", at, "", 200, `{"Tags":{"b":"2"}}`)
		step("POST", at, `{"Tags":{}}`, 400, "cannot be processed")
		step("POST", at, `{}`, 400, "Value null at 'tags' failed to satisfy constraint: Member must not be null")
		step("DELETE", at, "", 400, "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
	}
	for arn, want := range map[string]string{
		rouse.DefaultPlace.ARN("nobody", ""):                                              "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody",
		rouse.DefaultPlace.MappingARN("24e0db71-5d35-4eb5-b481-8945cf9d10c2"):             "The resource you requested does not exist.",
		"arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0f6c334abcdea4d8b": "The resource you requested does not exist.",
	} {
		if got := call(h, "GET", "/2017-03-31/tags/"+url.PathEscape(arn), ""); got.Code != 404 || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%s: %d %s", arn, got.Code, got.Body)
		}
	}
}
