package awsfront

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
)

// Config joins the front to the platform.
type Config struct {
	// Signed is the service that a request's signature names, or "".
	Signed func(*http.Request) string
	// Own are the services that Rouse has, by the names of their signatures.
	Own map[string]http.Handler
	// Identity is who makes a request, for STS.
	Identity func(*http.Request) Identity
	Place    rouse.Place
	// Fallback is the emulator of everything else; nil is none. Timeout bounds its
	// wait until an answer begins.
	Fallback *url.URL
	Timeout  time.Duration
	Log      *slog.Logger
}

// Identity is a caller as STS knows them.
type Identity struct {
	ARN    string
	UserID string
}

// Front is the one address. It is an http.Handler.
type Front struct {
	Config
	forward http.Handler // nil without a fallback
}

// New makes a front. Close ends it.
func New(c Config) *Front {
	f := &Front{Config: c}
	if c.Fallback != nil {
		f.forward = newForward(f)
	}
	return f
}

// Close drops idle connections to the fallback.
func (f *Front) Close() {
	if forward, ok := f.forward.(*forward); ok {
		forward.transport.CloseIdleConnections()
	}
}

// targets are the services whose targets do not begin with their names.
var targets = map[string]string{
	"AmazonSQS": "sqs", "AmazonSSM": "ssm", "AWSStepFunctions": "states", "AWSEvents": "events", "Logs_20140328": "logs",
	"TrentService": "kms", "GraniteServiceVersion20100801": "monitoring",
}

// Service is the service that a request means, or "" for none of AWS's.
func (f *Front) Service(r *http.Request) string {
	if service := f.Signed(r); service != "" {
		return service
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" || r.Method != http.MethodPost {
		return ""
	}
	prefix, _, _ := strings.Cut(target, ".")
	if service, ok := targets[prefix]; ok {
		return service
	}
	name, _, _ := strings.Cut(prefix, "_") // DynamoDB_20120810
	return strings.ToLower(name)
}

func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := f.Service(r)
	if own, ok := f.Own[service]; ok {
		own.ServeHTTP(w, r)
		return
	}
	switch service {
	case "sts", "iam":
		f.serveAccount(w, r, service)
	default:
		f.elsewhere(w, r, service)
	}
}

// Elsewhere answers what none of Rouse's own services does.
func (f *Front) Elsewhere(w http.ResponseWriter, r *http.Request) { f.elsewhere(w, r, f.Service(r)) }

// elsewhere forwards what Rouse does not have, or says that it does not.
func (f *Front) elsewhere(w http.ResponseWriter, r *http.Request, what string) {
	if f.forward != nil {
		f.forward.ServeHTTP(w, r)
		return
	}
	f.fail(w, r, http.StatusNotImplemented, "NotImplementedException",
		"Rouse has no "+what+"; start it with --aws-fallback URL to send what it does not have to another emulator, such as moto's server")
}

// Refuse answers a request that is not believed. reason is AWS's name for it.
func (f *Front) Refuse(w http.ResponseWriter, r *http.Request, reason, message string) {
	status := http.StatusForbidden
	switch {
	case reason == "RequestEntityTooLargeException":
		status = http.StatusRequestEntityTooLarge
	case protocolOf(r, f.Service(r)) == jsonTarget || protocolOf(r, f.Service(r)) == cbor:
		status = http.StatusBadRequest // as DynamoDB and SQS do
	}
	f.fail(w, r, status, reason, message)
}

func (f *Front) fail(w http.ResponseWriter, r *http.Request, status int, name, message string) {
	p := protocolOf(r, f.Service(r))
	writeError(w, r, p, status, name, message, uuid.NewString())
}
