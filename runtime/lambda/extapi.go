package lambda

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
)

const (
	extensionBase = "/2020-01-01/extension/"
	maxExtensions = 10
	maxRegister   = 64 << 10    // bytes of a registration or an extension's error
	tellTime      = time.Second // for an extension to read an event
)

// apiError is a client's fault in the Extensions API, which is 403 whatever it is.
type apiError struct{ kind, message string }

func (e *apiError) Error() string { return e.message }

// serveExtension answers a request of the Extensions API.
func (c *conn) serveExtension(req *request, ep endpoint) bool {
	if ep == extRegister {
		return c.register(req)
	}
	x, err := c.caller(req)
	if err != nil {
		return c.refuse(req, http.StatusForbidden, err.kind, err.message)
	}
	switch ep {
	case extNext:
		if !c.in.drain(req) {
			return false
		}
		if !c.t.nextFor(x, c) {
			return c.reply(http.StatusForbidden, "Extension.InvalidExtensionState", "this connection waits for the next event already", req.close)
		}
		return true
	case extInitError, extExitError:
		kind := "Extension.InitError"
		if ep == extExitError {
			kind = "Extension.ExitError"
		}
		if req.extErrorType == "" {
			return c.refuse(req, http.StatusForbidden, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
		}
		said := req.extErrorType
		if !c.in.drain(req) {
			return false
		}
		c.t.extensionFailed(x, kind, said)
		return c.send(http.StatusAccepted, accepted, req.close)
	}
	return false
}

// caller finds the extension that asks.
func (c *conn) caller(req *request) (*extension, *apiError) {
	if req.extID == "" {
		return nil, &apiError{"Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"}
	}
	if _, err := uuid.Parse(req.extID); err != nil {
		return nil, &apiError{"Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"}
	}
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	if x := c.t.ext.find(req.extID); x != nil {
		return x, nil
	}
	return nil, &apiError{"Extension.UnknownExtensionIdentifier", "Unknown extension " + req.extID}
}

// register answers an extension that introduces itself.
func (c *conn) register(req *request) bool {
	forbidden := func(kind, message string) bool {
		return c.reply(http.StatusForbidden, kind, message, req.close)
	}
	name, account := req.extName, req.extFeatures == "accountId"
	if !c.proceed(req) {
		return false
	}
	body, _, err := c.in.body(req, maxRegister)
	if err != nil {
		c.reply(http.StatusForbidden, "InvalidRequestFormat", "the body is too large or cut short", true)
		return false
	}
	if name == "" || len(name) > maxName {
		return forbidden("Extension.InvalidExtensionName", "Empty extension name")
	}
	var asked struct {
		Events []string `json:"events"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return forbidden("InvalidRequestFormat", "the body is not JSON with a list of events")
	}
	x, err := c.t.register(name, asked.Events)
	if e, ok := err.(*apiError); ok {
		return forbidden(e.kind, e.message)
	}
	answer := struct {
		Function string `json:"functionName"`
		Version  string `json:"functionVersion"`
		Handler  string `json:"handler"`
		Account  string `json:"accountId,omitempty"`
	}{Function: c.t.o.Function, Version: c.t.o.Version, Handler: c.t.o.Handler}
	if account {
		answer.Account = c.t.o.Account
	}
	return c.sendWith(http.StatusOK, "Lambda-Extension-Identifier: "+x.id, encode(answer), req.close)
}

// maxName is the longest name of a file.
const maxName = 255

// sendTo gives an extension the event that it asked for. One that does not read it
// is hung up on, since the event waits for nobody.
func (c *conn) sendTo(body []byte) {
	c.nc.SetWriteDeadline(time.Now().Add(tellTime))
	if !c.sendWith(http.StatusOK, "Lambda-Extension-Event-Identifier: "+uuid.NewString(), body, false) {
		c.hangUp()
		return
	}
	c.nc.SetWriteDeadline(time.Time{})
}

// sendWith is send with one more header.
func (c *conn) sendWith(status int, header string, body []byte, closing bool) bool {
	c.write.Lock()
	defer c.write.Unlock()
	b := appendStatus(c.out[:0], status)
	b = append(b, "Content-Type: application/json\r\n"...)
	b = append(append(b, header...), "\r\n"...)
	b = appendEnd(b, len(body), closing)
	b = append(b, body...)
	_, err := c.nc.Write(b)
	c.out = b
	return err == nil && !closing
}
