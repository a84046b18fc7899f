package logsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// Config joins the API to the platform. Every field is needed.
type Config struct {
	Catalog Catalog
	Logs    Logs
	// Elsewhere answers what is not about functions' logs.
	Elsewhere http.Handler
	// Alone says that Elsewhere knows of no log groups.
	Alone bool
	Place rouse.Place
	Log   *slog.Logger
}

type api struct{ Config }

const (
	maxBody  = 1 * rouse.MB
	slowBody = time.Minute

	targetPrefix = "Logs_20140328."
	groupPrefix  = "/aws/lambda/"
)

// operations are those that read log groups of functions.
var operations = map[string]operation{
	"DescribeLogGroups":  op((*api).describeLogGroups),
	"DescribeLogStreams": op((*api).describeLogStreams),
	"FilterLogEvents":    op((*api).filterLogEvents),
	"GetLogEvents":       op((*api).getLogEvents),
}

// operation answers with a value for the body, or with errElsewhere.
type operation func(*api, *gateway.Call, []byte) (any, error)

// errElsewhere is how an operation says that it is not about a function.
var errElsewhere = errors.New("not about a function's log")

func op[In any](do func(*api, *gateway.Call, *In) (any, error)) operation {
	return func(a *api, c *gateway.Call, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, &apiError{http.StatusBadRequest, "SerializationException", rouse.Clip(err.Error())}
		}
		return do(a, c, in)
	}
}

// New makes the handler of every request that is for CloudWatch Logs. It starts nothing.
func New(cfg Config) http.Handler {
	a := &api{Config: cfg}
	own := gateway.Entry(a.serve, cfg.Log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if operations[operationOf(r)] == nil {
			cfg.Elsewhere.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	})
}

func operationOf(r *http.Request) string {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok || r.Method != http.MethodPost {
		return ""
	}
	return name
}

// serve answers a call in the service's form, errors too.
func (a *api) serve(c *gateway.Call) error {
	body, err := gateway.ReadBody(c, maxBody, slowBody)
	if err != nil && rouse.CodeOf(err) != rouse.TooLarge {
		return gateway.ErrClientGone
	}
	var answer any
	if err == nil {
		answer, err = operations[operationOf(c.Request)](a, c, body)
	}
	if errors.Is(err, errElsewhere) {
		c.Request.Body = io.NopCloser(bytes.NewReader(body))
		a.Elsewhere.ServeHTTP(c.Writer, c.Request)
		return nil
	}
	if err != nil && c.Request.Context().Err() != nil {
		return gateway.ErrClientGone
	}
	if uuid.Validate(c.ID) != nil {
		c.ID = uuid.NewString()
	}
	c.Writer.Header()["X-Amzn-Requestid"] = []string{c.ID}
	if err != nil {
		e := translate(err)
		if e.status >= http.StatusInternalServerError {
			a.Log.Error("request failed", "request_id", c.ID, "target", c.Request.Header.Get("X-Amz-Target"), "error", err)
		}
		return write(c.Writer, e.status, map[string]string{"__type": e.name, "message": e.message})
	}
	return write(c.Writer, http.StatusOK, answer)
}

func write(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.1")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b) // a client that left cannot be told anything
	return nil
}
