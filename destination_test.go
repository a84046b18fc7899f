package rouse

import "testing"

func TestADestinationIsAQueueAFunctionOrAWebhookOfThisPlace(t *testing.T) {
	for text, want := range map[string]Destination{
		"arn:aws:sqs:us-east-1:000000000000:dead":             {Queue: "dead"},
		"arn:aws:lambda:us-east-1:000000000000:function:f":    {Function: Ref{"f", Latest}},
		"arn:aws:lambda:us-east-1:000000000000:function:f:v1": {Function: Ref{"f", "v1"}},
		"https://example.com/done?x=1":                        {Webhook: "https://example.com/done?x=1"},
		"http://example.com":                                  {Webhook: "http://example.com"},
		// None of these.
		"": {}, "arn:aws:sqs:us-east-1:000000000000:ordered.fifo": {}, "arn:aws:sqs:eu-west-1:000000000000:dead": {},
		"arn:aws:sqs:us-east-1:111111111111:dead": {}, "arn:aws:sns:us-east-1:000000000000:topic": {},
		"arn:aws:lambda:us-east-1:000000000000:layer:f": {}, "arn:aws:lambda:us-east-1:000000000000:function:f:": {},
		"ftp://example.com": {}, "arn:aws:sqs": {},
	} {
		got, err := DefaultPlace.ParseDestination(text)
		if got != want || (err != nil) != (want == Destination{}) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}
