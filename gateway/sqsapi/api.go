package sqsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Config joins the API to the platform. Every field is needed.
type Config struct {
	Reader   Reader
	Writer   Writer
	Messages Messages
	Leases   Leases
	Moves    Moves
	// Guard keeps web pages out.
	Guard gateway.Guard
	// Place is where ARNs say that everything is.
	Place rouse.Place
	// Stopping ends when Rouse begins to stop; whoever waits for messages then
	// gets an answer without any.
	Stopping context.Context
	Now      func() time.Time
	Log      *slog.Logger
}

type api struct {
	Config
	attempts attempts
}

const (
	// maxBody bounds a request: 1 MiB of messages, whose JSON may be longer.
	maxBody = 8 * rouse.MB
	// slowBody is how long a client may take to send it.
	slowBody = time.Minute

	targetPrefix = "AmazonSQS."
)

// New makes the handler of every request that is for SQS: that names one of its
// operations or, in the older query protocol, is signed for it. It starts nothing.
func New(cfg Config) http.Handler {
	a := &api{Config: cfg, attempts: attempts{byID: map[attemptKey]attempt{}}}
	return gateway.Entry(a.serve, cfg.Log)
}

// serve answers a call in SQS's form, errors too.
func (a *api) serve(c *gateway.Call) error {
	if uuid.Validate(c.ID) != nil {
		c.ID = uuid.NewString()
	}
	c.Writer.Header()["X-Amzn-Requestid"] = []string{c.ID}
	answer, err := a.dispatch(c)
	if errors.Is(err, gateway.ErrClientGone) {
		return err
	}
	if err == nil {
		return reply(c.Writer, answer)
	}
	if errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil {
		return gateway.ErrClientGone
	}
	e := translate(err)
	if e.status >= http.StatusInternalServerError {
		a.Log.Error("request failed", "request_id", c.ID, "target", c.Request.Header.Get("X-Amz-Target"), "error", err)
	}
	if len(c.Request.Header["X-Amz-Target"]) == 0 {
		e.writeXML(c.Writer, c.ID)
		return nil
	}
	e.write(c.Writer)
	return nil
}

func (a *api) dispatch(c *gateway.Call) (any, error) {
	r := c.Request
	if err := a.Guard.Check(c.Writer, r); err != nil {
		return nil, fail("AccessDenied", "%s", err.(*rouse.Error).Message)
	}
	if len(r.Header["X-Amz-Target"]) != 1 {
		return nil, fail("UnsupportedOperation", "this is SQS's query protocol (Action=…), which Rouse does not speak. "+
			"Use a client that speaks the JSON protocol (X-Amz-Target: AmazonSQS.…): boto3 and botocore 1.31.81, the AWS CLI 2.13.28, "+
			"AWS SDK for Go v2 1.25, Java v2 2.21.19, JavaScript v3.447 or newer")
	}
	op, ok := operations[Operation(r)]
	if !ok || r.Method != http.MethodPost {
		return nil, fail("UnknownOperationException", "no operation %q with method %s", clip(r.Header["X-Amz-Target"][0]), r.Method)
	}
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	return op(a, &request{Call: c, ctx: r.Context(), body: body})
}

// request is one call of an operation.
type request struct {
	*gateway.Call
	ctx  context.Context
	body []byte
}

// operation answers with a value for the body, or nil for none.
type operation func(*api, *request) (any, error)

// op makes an operation of a method that takes its input as a struct.
func op[In any](do func(*api, *request, *In) (any, error)) operation {
	return func(a *api, r *request) (any, error) {
		in := new(In)
		if err := decode(r.body, in); err != nil {
			return nil, fail("SerializationException", "%s", clip(err.Error()))
		}
		return do(a, r, in)
	}
}

func readBody(c *gateway.Call) ([]byte, error) {
	b, err := gateway.ReadBody(c, maxBody, slowBody)
	switch {
	case rouse.CodeOf(err) == rouse.TooLarge:
		return nil, invalid("the request is larger than %d bytes", maxBody)
	case err != nil:
		return nil, gateway.ErrClientGone
	case len(bytes.TrimSpace(b)) == 0:
		return []byte("{}"), nil
	}
	return b, nil
}

var jsonType = []string{"application/x-amz-json-1.0"}

// reply answers with v as JSON, or with nothing when it is nil, as AWS does.
func reply(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	if v != nil {
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return err
		}
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(b.Len())}
	w.WriteHeader(http.StatusOK)
	w.Write(b.Bytes()) // a client that left cannot be told anything
	return nil
}
