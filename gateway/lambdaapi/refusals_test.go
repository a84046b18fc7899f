package lambdaapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rousehq/rouse"
)

const functionF = "/2015-03-31/functions/f"

// newFunction is a CreateFunction of usual values and others beside them.
func newFunction(name, others string) string {
	return `{"FunctionName":"` + name + `","Runtime":"python3.11","Handler":"app.handler","Role":"arn:aws:iam::000000000000:role/r","Code":{"ZipFile":"UEs="}` + others + `}`
}

func TestWhatCouldOnlyBeIgnoredIsRefusedByItsName(t *testing.T) {
	w := newWorld()
	w.mappings = &oneMapping{}
	h := w.api()
	const queue = `"FunctionName":"f","EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:done"`
	filters := func(n int) string {
		return `,"FilterCriteria":{"Filters":[` + strings.TrimSuffix(strings.Repeat(`{"Pattern":"{}"},`, n), ",") + `]}`
	}
	for _, c := range []struct{ method, path, body, says string }{
		{"POST", "/2015-03-31/functions", newFunction("g", `,"LoggingConfig":{"LogGroup":"/aws/lambda/f"}`), "LoggingConfig LogGroup /aws/lambda/f is not available in Rouse: function f has it"},
		{"POST", "/2015-03-31/functions", newFunction("g", `,"DurableConfig":{"ExecutionTimeout":60}`), `"DurableConfig is not available`},
		{"POST", "/2015-03-31/functions", strings.Replace(newFunction("g", ""), `"ZipFile"`, `"SourceKMSKeyArn":"arn:aws:kms:us-east-1:000000000000:key/k","ZipFile"`, 1), "SourceKMSKeyArn is not available"},
		{"PUT", functionF + "/code", `{"ZipFile":"UEs=","SourceKMSKeyArn":"arn:aws:kms:us-east-1:000000000000:key/k"}`, "SourceKMSKeyArn is not available"},
		{"PUT", functionF + "/code", `{"ZipFile":"UEs=","PublishTo":"LATEST_PUBLISHED"}`, "PublishTo is not available"},
		{"PUT", functionF + "/configuration", `{"SnapStart":{"ApplyOn":"PublishedVersions"}}`, "python3.11 is not supported for SnapStart enabled functions."},
		{"POST", "/2018-10-31/layers/l/versions", `{"Content":{}}`, "Please provide a source for the layer's content: ZipFile"},
		{"POST", "/2018-10-31/layers/l/versions", `{"Content":{"S3Bucket":"bucket","S3Key":"k"}}`, "S3Bucket is not available"},
		{"POST", "/2015-03-31/event-source-mappings", `{"FunctionName":"f"}`, `"Unrecognized event source."`},
		{"POST", "/2015-03-31/event-source-mappings", strings.Replace(`{`+queue+`}`, `"f"`, `"nobody"`, 1), `"Function does not exist"`},
		{"POST", "/2015-03-31/event-source-mappings", `{` + queue + `,"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:000000000000:done"}}}`, "Unsupported DestinationConfig parameter for given event source mapping type."},
		{"POST", "/2015-03-31/event-source-mappings", `{"FunctionName":"f","StartingPosition":"LATEST","EventSourceArn":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}`, "Unrecognized event source, must be a queue"},
		{"POST", "/2015-03-31/event-source-mappings", `{` + queue + `,"StartingPosition":"LATEST"}`, "StartingPosition is not valid for SQS event sources."},
		{"POST", "/2015-03-31/event-source-mappings", `{` + queue + filters(11) + `}`, "at most 10 filters"},
		{"POST", "/2015-03-31/functions", newFunction("g", `,"Tags":{"aws:cloud":"x"}`), "aws: prefixed tag key names are not allowed for external use."},
		{"POST", "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:f", `{"Tags":{"AWS:cloud":"x"}}`, "aws: prefixed tag key names are not allowed for external use."},
	} {
		if got := call(h, c.method, c.path, c.body); got.Code != 400 || !strings.Contains(got.Body.String(), c.says) {
			t.Errorf("%s %s: %d %s, want %s", c.path, c.body, got.Code, got.Body, c.says)
		}
	}
	for _, name := range []string{"f", "arn:aws:lambda:us-east-1:000000000000:function:f"} {
		if got := call(h, "PUT", "/2015-03-31/functions/"+name+"/configuration", `{"LoggingConfig":{"LogGroup":"/aws/lambda/f"}}`); got.Code != 200 {
			t.Errorf("its own log group, of %s: %d %s", name, got.Code, got.Body)
		}
	}
	if got := call(h, "GET", "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:f", ""); strings.Contains(got.Body.String(), "cloud") {
		t.Errorf("a refused tag is kept: %s", got.Body)
	}
}

func TestTheAccountsCodeIsThatOfVersionsAndLayersToo(t *testing.T) {
	w := newWorld()
	h := w.api()
	total := func() int {
		var got struct{ AccountUsage struct{ TotalCodeSize int } }
		if err := json.Unmarshal(call(h, "GET", "/2016-08-19/account-settings", "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return got.AccountUsage.TotalCodeSize
	}
	if got := call(h, "POST", "/2015-03-31/functions", newFunction("g", `,"Publish":true`)); got.Code != 201 {
		t.Fatal(got.Body)
	}
	if got := total(); got != 2*2 { // $LATEST and version 1, of two bytes each
		t.Errorf("with a version %d bytes", got)
	}
	w.layers["l"] = rouse.Layer{Name: "l", Versions: []rouse.LayerVersion{{Number: 1, Package: rouse.Package{Size: 5}}, {Number: 3, Package: rouse.Package{Size: 7}}}}
	if got := total(); got != 2*2+5+7 {
		t.Errorf("with layers %d bytes", got)
	}
}

func TestAFunctionThatSpeaksHTTPGetsNoMessagesOfAnyQueue(t *testing.T) {
	w := newWorld()
	w.mappings = &oneMapping{}
	for _, rev := range w.revs {
		rev.Spec.Contract = rouse.ContractHTTP
	}
	h := w.api()
	for _, source := range []string{"arn:aws:sqs:us-east-1:000000000000:done", "https://sqs.example/000000000000/q"} {
		got := call(h, "POST", "/2015-03-31/event-source-mappings", `{"FunctionName":"f","EventSourceArn":"`+source+`"}`)
		if got.Code != 400 || !strings.Contains(got.Body.String(), "function f speaks HTTP and takes no events") {
			t.Errorf("%s: %d %s", source, got.Code, got.Body)
		}
	}
}
