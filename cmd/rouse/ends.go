package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/async"
	"github.com/rousehq/rouse/controller/async/destination"
	"github.com/rousehq/rouse/controller/async/queue"
)

// openWebhooks makes the sender of webhooks.
func (p *platform) openWebhooks() error {
	key, err := webhookKey(p.config.Data)
	if err != nil {
		return fmt.Errorf("reading the webhooks' key: %w", err)
	}
	allow, err := networks(p.config.WebhookAllow)
	if err != nil {
		return err
	}
	p.webhooks = destination.NewWebhooks(destination.WebhookOptions{Key: key, Allow: allow, Now: time.Now})
	return nil
}

// webhookKey is the data directory's secret that webhooks' signatures come from.
// It is made once.
func webhookKey(data string) ([]byte, error) {
	file := filepath.Join(data, "webhook.key")
	b, err := os.ReadFile(file)
	if err == nil {
		key, err := hex.DecodeString(strings.TrimSpace(string(b)))
		if err == nil && len(key) != 32 {
			err = fmt.Errorf("%s: must be 64 hexadecimal digits", file)
		}
		return key, err
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	return key, replaceFile(file, strings.NewReader(hex.EncodeToString(key)+"\n"), 0o600)
}

// networks reads networks in CIDR notation, and single addresses.
func networks(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			ip, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("webhook_allow %q: must be a network such as 10.0.0.0/8, or an address", text)
			}
			network = netip.PrefixFrom(ip, ip.BitLen())
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

// teller tells of jobs' ends.
func (p *platform) teller(e *async.Engine) async.Ender {
	return destination.New(destination.Config{
		Functions: p.catalog, Jobs: e, Queues: deadLetters{e.Queues()}, Webhooks: p.webhooks, Place: p.config.place(), Now: time.Now,
	})
}

// deadLetters is the queues as destinations want them.
type deadLetters struct{ queues *queue.Queues }

func (d deadLetters) Send(ctx context.Context, name string, body []byte, attributes []destination.Attribute) error {
	q, err := d.queues.Queue(name)
	if err != nil {
		return err
	}
	extras := rouse.MessageExtras{Attributes: map[string]rouse.MessageAttribute{}}
	for _, a := range attributes {
		extras.Attributes[a.Name] = rouse.MessageAttribute{Type: a.Type, Text: a.Value}
	}
	m := &rouse.Message{Body: body, Attributes: extras.Encode()}
	return d.queues.Send(ctx, q, -1, m)
}

// policy is how a job is retried: AWS's way, unless its function's event-invoke
// configuration says otherwise.
func (p *platform) policy(r *rouse.JobRequest) async.Policy {
	policy := async.DefaultPolicy()
	fn, err := p.catalog.Function(r.Ref.Name)
	if err != nil || fn.Lambda == nil || r.HTTP != nil {
		return policy
	}
	q := r.Ref.Qualifier
	if q == "" {
		q = rouse.Latest
	}
	in := fn.Lambda.Async[q]
	if in.Retries != nil {
		policy.Retries = *in.Retries
	}
	if in.MaxAge != nil {
		policy.MaxAge = time.Duration(*in.MaxAge) * time.Second
	}
	return policy
}
