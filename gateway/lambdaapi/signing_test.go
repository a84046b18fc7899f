package lambdaapi

import (
	"encoding/json"
	"strings"
	"testing"
)

const signingConfigs = "/2020-04-22/code-signing-configs"

// newSigning makes a configuration and returns its ARN.
func newSigning(t *testing.T, w *world, policy string) string {
	t.Helper()
	got := call(w.api(), "POST", signingConfigs, `{"AllowedPublishers":{"SigningProfileVersionArns":["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p"]}`+policy+`}`)
	var made struct {
		CodeSigningConfig struct {
			CodeSigningConfigArn string
			CodeSigningPolicies  map[string]string
		}
	}
	if err := json.Unmarshal(got.Body.Bytes(), &made); err != nil || got.Code != 201 {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	if policy == "" && made.CodeSigningConfig.CodeSigningPolicies["UntrustedArtifactOnDeployment"] != "Warn" {
		t.Errorf("without a policy: %s", got.Body)
	}
	return made.CodeSigningConfig.CodeSigningConfigArn
}

func TestCodeThatNobodySignedIsRefusedWhereThatIsEnforced(t *testing.T) {
	const enforced = `,"CodeSigningPolicies":{"UntrustedArtifactOnDeployment":"Enforce"}`
	const refused = "CodeVerificationFailedException: Lambda cannot deploy the function."
	for policy, want := range map[string]string{"": "", enforced: refused} {
		w := newWorld()
		h := w.api()
		arn := newSigning(t, w, policy)
		with := `,"CodeSigningConfigArn":"` + arn + `"`
		if got := call(h, "PUT", "/2020-06-30/functions/f/code-signing-config", `{`+with[1:]+`}`); got.Code != 200 || !strings.Contains(got.Body.String(), `"FunctionName":"f"`) {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		for _, c := range []struct{ method, path, body string }{
			{"POST", "/2015-03-31/functions", newFunction("g", with)},
			{"PUT", functionF + "/code", `{"ZipFile":"UEs="}`},
			{"PUT", functionF + "/code", `{"ZipFile":"UEs=","DryRun":true}`},
		} {
			got := call(h, c.method, c.path, c.body)
			if ok := want == "" && got.Code < 300 || want != "" && got.Code == 400 && strings.HasPrefix(got.Header().Get("X-Amzn-Errortype")+": "+fields(t, got.Body.String())["message"].(string), want); !ok {
				t.Errorf("%q: %s %s: %d %s", policy, c.method, c.path, got.Code, got.Body)
			}
		}
		if got := call(h, "PUT", functionF+"/configuration", `{"Layers":["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}`); got.Code != 400 || strings.Contains(got.Body.String(), "cannot deploy") != (want != "") {
			t.Errorf("%q: layers: %d %s", policy, got.Code, got.Body)
		}
		if got := call(h, "PUT", functionF+"/configuration", `{"Timeout":5}`); got.Code != 200 {
			t.Errorf("%q: without code: %d %s", policy, got.Code, got.Body)
		}
	}
}

func TestImagesAreNotSigned(t *testing.T) {
	const says = "Code signing is not supported for functions created with container images."
	w := newWorld()
	arn := newSigning(t, w, "")
	w.prepares(true, nil)
	h := w.api()
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/2020-06-30/functions/f/code-signing-config", `{"CodeSigningConfigArn":"` + arn + `"}`},
		{"POST", "/2015-03-31/functions", `{"FunctionName":"g","PackageType":"Image","Role":"arn:aws:iam::000000000000:role/r","Code":{"ImageUri":"registry.example/f"},"CodeSigningConfigArn":"` + arn + `"}`},
	} {
		if got := call(h, c.method, c.path, c.body); got.Code != 400 || !strings.Contains(got.Body.String(), says) {
			t.Errorf("%s: %d %s", c.path, got.Code, got.Body)
		}
	}
}

func TestAConfigurationThatIsUsedStays(t *testing.T) {
	w := newWorld()
	h := w.api()
	arn := newSigning(t, w, "")
	one := signingConfigs + "/" + arn
	call(h, "PUT", "/2020-06-30/functions/f/code-signing-config", `{"CodeSigningConfigArn":"`+arn+`"}`)
	if got := call(h, "GET", one+"/functions", ""); !strings.Contains(got.Body.String(), `"FunctionArns":["arn:aws:lambda:us-east-1:000000000000:function:f"]`) {
		t.Error(got.Body)
	}
	if got := call(h, "DELETE", one, ""); got.Code != 409 || !strings.Contains(got.Body.String(), "function:f]") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := call(h, "DELETE", "/2020-06-30/functions/f/code-signing-config", ""); got.Code != 204 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := call(h, "DELETE", one, ""); got.Code != 204 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	for _, path := range []string{one, one + "/functions"} {
		if got := call(h, "GET", path, ""); got.Code != 404 || got.Body.String() != `{"Message":"The Lambda code signing configuration `+arn+` can not be found."}` {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	got := call(h, "POST", "/2015-03-31/functions", newFunction("g", `,"CodeSigningConfigArn":"`+arn+`"`))
	if got.Code != 404 || got.Header().Get("X-Amzn-Errortype") != "CodeSigningConfigNotFoundException" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
