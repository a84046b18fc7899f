package async

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async/queue"
)

const (
	keepKeys = 24 * time.Hour // that an idempotency key counts
	maxKey   = 256
)

// idempotencyKey bounds what a client chose.
func idempotencyKey(q *queue.Queue, key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return append(queuePrefix('I', q), sum[:16]...)
}

// digest tells a request from another one that uses the same key.
func digest(r *Request) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00", r.Ref, len(r.Payload))
	h.Write(r.Payload)
	if r.HTTP != nil {
		fmt.Fprintf(h, "\x00%s %s?%s", r.HTTP.Method, r.HTTP.Path, r.HTTP.Query)
	}
	return h.Sum(nil)[:16]
}

// lookUp finds the job that an idempotency key stands for; 0 is none.
func lookUp(t *queue.Tx, q *queue.Queue, r *Request) (seq uint64, err error) {
	b := t.Get(idempotencyKey(q, r.Key))
	if len(b) != 40 || t.Now().UnixNano() >= int64(binary.BigEndian.Uint64(b)) {
		return 0, nil
	}
	if string(b[24:]) != string(digest(r)) {
		return 0, rouse.Errorf(rouse.Conflict, "idempotency key: it was used for another request within a day")
	}
	seq, err = queue.Seq(uuid.UUID(b[8:24]).String())
	if err != nil || t.Get(seqKey('m', seq)) == nil {
		return 0, nil // that job is forgotten already
	}
	return seq, nil
}

// remember writes a key's record: until when it counts (8 bytes), the job's id (16)
// and the request's digest (16).
func remember(t *queue.Tx, q *queue.Queue, r *Request, id string) {
	until := t.Now().Add(keepKeys)
	parsed := uuid.MustParse(id)
	k := idempotencyKey(q, r.Key)
	t.Put(k, append(append(bigEndian(uint64(until.UnixNano())), parsed[:]...), digest(r)...))
	t.Put(timeKey('Y', until, k[1:]...), []byte{})
}
