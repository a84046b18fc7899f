package sqsapi

import (
	"strings"

	"github.com/rousehq/rouse"
)

// longest is how long a queue's name may be.
const longest = 80

// validName says whether SQS allows a name for a queue.
func validName(name string) bool {
	base := strings.TrimSuffix(name, ".fifo")
	for i := range len(base) {
		c := base[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return base != "" && len(name) <= longest
}

// url is where the client finds a queue, by the way on which it came.
func (a *api) url(r *request, name string) string {
	scheme := "http://"
	if r.Request.TLS != nil || r.Request.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https://"
	}
	return scheme + r.Request.Host + "/" + a.Place.Account + "/" + name
}

// queue finds the queue that a URL means. Only its last part counts.
func (a *api) queue(url string) (rouse.Queue, error) {
	if url == "" {
		return rouse.Queue{}, missing("QueueUrl")
	}
	name := url[strings.LastIndexByte(url, '/')+1:]
	if !validName(name) {
		return rouse.Queue{}, fail("InvalidAddress", "The address %s is not valid for this endpoint.", clip(url))
	}
	return a.named(name)
}

func (a *api) named(name string) (rouse.Queue, error) {
	q, err := a.Reader.Queue(name)
	if err != nil {
		return q, noQueue()
	}
	return q, nil
}

// queueOfARN finds the queue that an ARN means.
func (a *api) queueOfARN(arn string) (rouse.Queue, bool) {
	name, ok := strings.CutPrefix(arn, a.Place.QueueARN(""))
	if !ok || !validName(name) {
		return rouse.Queue{}, false
	}
	q, err := a.Reader.Queue(name)
	return q, err == nil
}

// visible are the queues of this API whose names have a prefix: not those of
// functions, whose names no queue here can have.
func (a *api) visible(prefix string) []rouse.Queue {
	var found []rouse.Queue
	for _, q := range a.Reader.Queues(prefix) {
		if validName(q.Name) {
			found = append(found, q)
		}
	}
	return found
}
