package lambdaapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

func newSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// marker hides after which item a listing goes on, and for which operation. One
// that this server did not make is refused.
func (a *api) marker(operation, last string) string {
	return base64.StdEncoding.EncodeToString(append(a.seal(operation, last), last...))
}

func (a *api) seal(operation, last string) []byte {
	h := hmac.New(sha256.New, a.secret)
	h.Write([]byte(operation + "\x00" + last))
	return h.Sum(nil)[:16]
}

// page cuts the part of a sorted listing that a request asks for. key is what
// items are sorted by and found again with, and must differ between them.
func page[T any](a *api, r *request, items []T, most int, key func(T) string) (cut []T, next string, err error) {
	most = min(r.number("MaxItems", most), most)
	from := 0
	if text := r.text("Marker"); text != "" {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) < 16 || !hmac.Equal(raw[:16], a.seal(r.op.name, string(raw[16:]))) {
			return nil, "", invalid("Invalid Marker: it is not one that this operation has returned")
		}
		for from < len(items) && key(items[from]) <= string(raw[16:]) {
			from++
		}
	}
	items = items[from:]
	if len(items) <= most {
		return items, "", nil
	}
	return items[:most], a.marker(r.op.name, key(items[most-1])), nil
}
