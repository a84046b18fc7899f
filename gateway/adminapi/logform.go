package adminapi

import (
	"encoding/json"
	"strings"

	"github.com/rousehq/rouse/gateway"
)

// logForm is one way to write lines of a log.
type logForm struct {
	contentType string
	plain       bool
	before      string
	after       string
}

func formOf(accept string) logForm {
	switch {
	case strings.Contains(accept, "text/event-stream"):
		return logForm{contentType: "text/event-stream", before: "data: ", after: "\n\n"}
	case strings.Contains(accept, "text/plain"), strings.Contains(accept, "text/html"):
		return logForm{contentType: "text/plain; charset=utf-8", plain: true, after: "\n"}
	}
	return logForm{contentType: ndjson, after: "\n"}
}

// line appends one line to out.
func (f logForm) line(out []byte, l LogLine) []byte {
	if f.plain {
		return append(append(out, l.Time+" "+l.Stream+" "+l.Text...), f.after...)
	}
	return f.json(out, l)
}

func (f logForm) failure(body gateway.ErrorBody) []byte {
	if f.plain {
		return []byte("error: " + body.Message + f.after)
	}
	return f.json(nil, map[string]gateway.ErrorBody{"error": body})
}

func (f logForm) json(out []byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("adminapi: a log line that cannot be encoded: " + err.Error())
	}
	return append(append(append(out, f.before...), b...), f.after...)
}
