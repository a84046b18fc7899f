package lambdaapi

import (
	"encoding/json"
	"testing"
)

func TestALogIsTextOrJSONWithLevels(t *testing.T) {
	w := newWorld()
	h := w.api()
	for _, step := range []struct{ given, want string }{
		{`{}`, `{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}`},
		{`{"LogFormat":"JSON"}`, `{"LogFormat":"JSON","ApplicationLogLevel":"INFO","SystemLogLevel":"INFO","LogGroup":"/aws/lambda/f"}`},
		{`{"SystemLogLevel":"WARN"}`, `{"LogFormat":"JSON","ApplicationLogLevel":"INFO","SystemLogLevel":"WARN","LogGroup":"/aws/lambda/f"}`},
		{`{"LogFormat":"JSON","ApplicationLogLevel":"TRACE"}`, `{"LogFormat":"JSON","ApplicationLogLevel":"TRACE","SystemLogLevel":"WARN","LogGroup":"/aws/lambda/f"}`},
		{`{"LogFormat":"Text"}`, `{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}`},
		{`{"LogGroup":"/mine"}`, `{"LogFormat":"Text","LogGroup":"/mine"}`},
		{`{"LogFormat":"JSON"}`, `{"LogFormat":"JSON","ApplicationLogLevel":"INFO","SystemLogLevel":"INFO","LogGroup":"/mine"}`},
		{`{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}`, `{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}`},
	} {
		got := call(h, "PUT", functionF+"/configuration", `{"LoggingConfig":`+step.given+`}`)
		var answer struct{ LoggingConfig json.RawMessage }
		if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || got.Code != 200 || string(answer.LoggingConfig) != step.want {
			t.Errorf("%s: %d %s, want %s", step.given, got.Code, got.Body, step.want)
		}
	}
	for _, given := range []string{`{"LogFormat":"Text","SystemLogLevel":"WARN"}`, `{"ApplicationLogLevel":"WARN"}`, `{"LogFormat":"XML"}`, `{"LogFormat":"JSON","SystemLogLevel":"FATAL"}`} {
		if got := call(h, "PUT", functionF+"/configuration", `{"LoggingConfig":`+given+`}`); got.Code != 400 {
			t.Errorf("%s: %d %s", given, got.Code, got.Body)
		}
	}
}
