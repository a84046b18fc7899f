package functionurl

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// settle answers with what became of a call, unless it has been answered. What
// it returns nobody can be told of any more. head adds to the answer's header.
func (f *Front) settle(c *gateway.Call, head func(http.Header), err error) error {
	if err == nil || errors.Is(err, gateway.ErrClientGone) || gateway.Sent(c.Writer) != 0 {
		return err
	}
	e := &rouse.Error{Code: rouse.Internal}
	errors.As(err, &e)
	if e.Type != "" || e.Exit != nil || len(e.Payload) > 0 { // of the function's making
		e = &rouse.Error{Code: rouse.FunctionError}
	}
	switch e.Code {
	case rouse.FunctionError, rouse.StartFailed:
		write(c, head, http.StatusBadGateway, []byte("Internal Server Error")) // which is all that AWS tells
	case rouse.NotFound:
		unknown(c)
	case rouse.Throttled:
		throttle(c, head, e)
	case rouse.Timeout: // before the function had the event
		if e.Quota != "" {
			throttle(c, head, e)
		} else {
			unavailable(c, head, e)
		}
	case rouse.TooLarge:
		refuse(c, head, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", body{
			"Type": "User", "message": "Request must be smaller than " + strconv.FormatInt(int64(f.MaxEvent), 10) + " bytes for the InvokeFunction operation",
		})
	case rouse.Unavailable:
		unavailable(c, head, e)
	case rouse.Invalid:
		refuse(c, head, http.StatusBadRequest, "InvalidRequestContentException", body{"Type": "User", "message": e.Message})
	default:
		f.Log.Error("request failed", "request_id", c.ID, "path", c.Request.URL.Path, "error", err)
		refuse(c, head, http.StatusInternalServerError, "ServiceException",
			body{"Type": "Server", "Message": gateway.InternalMessage})
	}
	return nil
}

func throttle(c *gateway.Call, head func(http.Header), e *rouse.Error) {
	later(c, e)
	refuse(c, head, http.StatusTooManyRequests, "TooManyRequestsException",
		body{"Reason": gateway.ThrottleReason(e.Quota), "Type": "User", "message": "Rate Exceeded."})
}

func unavailable(c *gateway.Call, head func(http.Header), e *rouse.Error) {
	later(c, e)
	refuse(c, head, http.StatusServiceUnavailable, "ServiceException", body{"Type": "Server", "Message": e.Message})
}

// body is an error's, as JSON.
type body map[string]any

// unknown is the answer for a URL that nobody has.
func unknown(c *gateway.Call) {
	refuse(c, nil, http.StatusForbidden, "AccessDeniedException", body{"Message": nil})
}

// later says when trying again may help.
func later(c *gateway.Call, e *rouse.Error) {
	c.Writer.Header()["Retry-After"] = []string{strconv.Itoa(gateway.RetrySeconds(e))}
}

func refuse(c *gateway.Call, head func(http.Header), status int, name string, content body) {
	b, err := json.Marshal(content)
	if err != nil {
		panic("functionurl: an error that cannot be encoded: " + err.Error())
	}
	c.Writer.Header()["X-Amzn-Errortype"] = []string{name}
	write(c, head, status, b)
}

func write(c *gateway.Call, head func(http.Header), status int, content []byte) {
	h := c.Writer.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(content))}
	if head != nil {
		head(h)
	}
	c.Writer.WriteHeader(status)
	c.Writer.Write(content) // a client that left cannot be told anything
}
