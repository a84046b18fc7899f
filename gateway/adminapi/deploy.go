package adminapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

const ndjson = "application/x-ndjson"

// deploy makes a function run a spec from now on. It answers when traffic has
// moved: once with the result or, when the client accepts application/x-ndjson,
// with Progress lines while it goes on. A client that leaves ends the deployment.
func (a *api) deploy(c *gateway.Call) error {
	d, err := a.readDeployment(c)
	if err != nil {
		return err
	}
	if strings.Contains(c.Request.Header.Get("Accept"), ndjson) {
		return a.deployAloud(c, d)
	}
	deployed, err := a.Catalog.Deploy(c.Request.Context(), d, func(string) {})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if deployed.Created {
		status = http.StatusCreated
	}
	return reply(c, status, deployed)
}

// readDeployment gives missing keys of spec and settings their defaults.
func (a *api) readDeployment(c *gateway.Call) (rouse.Deployment, error) {
	var d rouse.Deployment
	name, err := functionName(c)
	if err != nil {
		return d, err
	}
	raw, err := readBody(c)
	if err != nil {
		return d, err
	}
	settings := rouse.DefaultSettings()
	d = rouse.Deployment{Name: name, Spec: rouse.DefaultSpec(), Settings: &settings, Wait: true}
	if err := decode(raw, &d); err != nil {
		return d, err
	}
	if err := checkHandler(&d.Spec); err != nil {
		return d, err
	}
	if d.Name != name {
		return d, rouse.Errorf(rouse.Invalid, "name %q: must be %q, as in the path", rouse.Clip(string(d.Name)), name)
	}
	var given struct {
		Settings json.RawMessage `json:"settings"`
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return d, err
	}
	if given.Settings == nil {
		d.Settings = nil
		return d, nil
	}
	if settings.Webhook != "" {
		return d, a.Webhook(settings.Webhook)
	}
	return d, nil
}

// checkHandler says early what a runtime would say when the function is called, which
// is when AWS Lambda does.
func checkHandler(s *rouse.Spec) error {
	module := strings.HasPrefix(s.Runtime, "python") || strings.HasPrefix(s.Runtime, "nodejs")
	if module && s.Contract == rouse.ContractLambda && s.Handler != "" && len(s.Command) == 0 && !strings.Contains(s.Handler, ".") {
		return rouse.Errorf(rouse.Invalid, "handler %q: write it as module.function", rouse.Clip(s.Handler))
	}
	return nil
}

func (a *api) deployAloud(c *gateway.Call, d rouse.Deployment) error {
	p := newProgress(c)
	deployed, err := a.Catalog.Deploy(c.Request.Context(), d, func(words string) { p.say(Progress{Message: words}) })
	if err == nil {
		p.finish(Progress{Result: &deployed})
		return nil
	}
	if rouse.CodeOf(err) == rouse.Internal && c.Request.Context().Err() == nil {
		a.Log.Error("deployment failed", "request_id", c.ID, "function", d.Name, "error", err)
	}
	body := gateway.Describe(c.ID, err)
	p.finish(Progress{Error: &body})
	return nil
}

// progress writes lines from any goroutine until it is finished.
type progress struct {
	control *http.ResponseController

	mu       sync.Mutex
	out      *json.Encoder
	finished bool
}

func newProgress(c *gateway.Call) *progress {
	c.Writer.Header().Set("Content-Type", ndjson)
	c.Writer.WriteHeader(http.StatusOK)
	p := &progress{control: http.NewResponseController(c.Writer), out: json.NewEncoder(c.Writer)}
	p.control.Flush()
	return p
}

func (p *progress) say(line Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	p.out.Encode(line) // a client that left ends the deployment by its context
	p.control.Flush()
}

func (p *progress) finish(line Progress) {
	p.say(line)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
}
