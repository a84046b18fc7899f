package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rousehq/rouse"
)

const (
	// consumers are the clients that send, receive and delete.
	consumers = 16
	// warmUp is how long every server is used before it is measured, so that a
	// virtual machine has compiled what it runs.
	warmUp = 20 * time.Second
)

// sqs compares Rouse's queues with other servers of the same protocol, which keep
// theirs in memory: how many messages a second are sent, received and deleted, by
// clients that each do one after the other.
func sqs(ctx context.Context, l *lab) (results []result, err error) {
	sides, end, err := l.queueServers(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	clients := map[string]*queueClient{}
	names := slices.Sorted(maps.Keys(sides))
	for _, name := range names {
		c := newQueueClient(sides[name])
		defer c.http.CloseIdleConnections()
		if err := c.create(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		clients[name] = c
		if _, err := c.cycles(ctx, warmUp); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	s, err := alternate(l.rounds, names, func(side string) (float64, error) { return clients[side].cycles(ctx, l.slice) })
	if err != nil {
		return nil, err
	}
	line := func(other string, least float64) result {
		ratio := s.median("rouse") / s.median(other)
		return judge(ratio >= least, result{
			Asked: "SQS API, send + receive + delete of 1 KB, 16 clients, durable, beside " + other, Bound: fmt.Sprintf("at least %g ×", least),
			Measured: fmt.Sprintf("%.2f × (%.0f/s, %s %.0f/s)", ratio, s.median("rouse"), other, s.median(other)), Medians: s.medians("/s"),
		})
	}
	return []result{line("moto", 10), line("ElasticMQ", 1)}, nil
}

// queueServers starts the sides and says where they are. end stops them.
func (l *lab) queueServers(ctx context.Context) (urls map[string]string, end func() error, err error) {
	found, err := findPeers(ctx)
	if err != nil {
		return nil, nil, err
	}
	var running []*peer
	var p *platform
	end = func() (err error) {
		for _, r := range running {
			r.end()
		}
		if p != nil {
			err = p.stop()
		}
		return err
	}
	urls = map[string]string{}
	for name, command := range found {
		one, err := startPeer(ctx, command)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), end())
		}
		running = append(running, one)
		urls[name] = one.url
	}
	if p, err = l.serve("sqs", "process"); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	urls["rouse"] = p.Server()
	return urls, end, nil
}

// queueClient speaks SQS's JSON protocol with one server.
type queueClient struct {
	http  *http.Client
	url   string
	queue string
	body  string
}

func newQueueClient(url string) *queueClient {
	return &queueClient{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: consumers, DisableCompression: true}},
		url:  url, body: strings.Repeat("x", int(rouse.KB)),
	}
}

// call has one operation done. Nobody checks the signature, but moto reads from it
// which service is meant.
func (c *queueClient) call(ctx context.Context, operation string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/", bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header["Content-Type"] = []string{"application/x-amz-json-1.0"}
	r.Header["X-Amz-Target"] = []string{"AmazonSQS." + operation}
	r.Header["Authorization"] = []string{"AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"}
	res, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.300s", operation, res.Status, answer)
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func (c *queueClient) create(ctx context.Context) error {
	var out struct {
		QueueURL string `json:"QueueUrl"`
	}
	err := c.call(ctx, "CreateQueue", map[string]string{"QueueName": "work"}, &out)
	c.queue = out.QueueURL
	return err
}

// cycles is how many messages a second pass through the queue.
func (c *queueClient) cycles(ctx context.Context, slice time.Duration) (float64, error) {
	var n atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, consumers)
	began := time.Now()
	for w := range errs {
		group.Go(func() {
			for time.Since(began) < slice && errs[w] == nil {
				errs[w] = c.cycle(ctx)
				n.Add(1)
			}
		})
	}
	group.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

type receivedMessages struct {
	Messages []struct{ Body, ReceiptHandle string }
}

// cycle sends a message, receives one, which may be another client's, and
// deletes it.
func (c *queueClient) cycle(ctx context.Context) error {
	if err := c.call(ctx, "SendMessage", map[string]string{"QueueUrl": c.queue, "MessageBody": c.body}, nil); err != nil {
		return err
	}
	var got receivedMessages
	for len(got.Messages) == 0 {
		if err := c.call(ctx, "ReceiveMessage", map[string]any{"QueueUrl": c.queue, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 1}, &got); err != nil {
			return err
		}
	}
	if m := got.Messages[0]; len(got.Messages) != 1 || m.Body != c.body {
		return fmt.Errorf("received %d messages, the first with %d bytes", len(got.Messages), len(m.Body))
	}
	return c.call(ctx, "DeleteMessage", map[string]string{"QueueUrl": c.queue, "ReceiptHandle": got.Messages[0].ReceiptHandle}, nil)
}
