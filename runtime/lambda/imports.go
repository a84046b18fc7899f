package lambda

import "encoding/json"

// maxImports bounds a report of imports, in bytes.
const maxImports = 16 << 10

// imported takes the bootstrap's report of the modules that an init imported.
// Nobody else may have asked for it, in which case there is no such endpoint.
func (c *conn) imported(req *request) bool {
	if c.t.o.Imports == nil {
		return c.refuse(req, 404, "NotFound", "no such endpoint in the Runtime API")
	}
	if !c.proceed(req) {
		return false
	}
	body, _, err := c.in.body(req, maxImports)
	var modules []string
	if err == nil {
		err = json.Unmarshal(body, &modules)
	}
	if err != nil {
		return c.reply(400, "InvalidRequest", "not a list of modules", true) && false
	}
	c.t.o.Imports(modules)
	return c.send(202, accepted, req.close)
}
