package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/keys"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/adminapi"
	"github.com/rousehq/rouse/gateway/auth"
	"github.com/rousehq/rouse/gateway/awsfront"
	"github.com/rousehq/rouse/gateway/lambdaapi"
)

var (
	_ adminapi.Keys = (*keys.Keys)(nil)
	_ auth.Keys     = (*keys.Keys)(nil)
)

// openKeys reads the keys, and makes the first where one will be asked for.
func (p *platform) openKeys(ctx context.Context) error {
	var err error
	if p.keys, err = keys.Open(ctx, p.store, time.Now); err != nil || p.config.Auth == authNone || len(p.keys.All()) > 0 {
		return err
	}
	key, err := p.keys.Create(ctx, "first")
	if err != nil {
		return err
	}
	file := filepath.Join(p.config.Data, "first-key")
	if err := replaceFile(file, strings.NewReader(key.ID+":"+key.Secret+"\n"), 0o600); err != nil {
		return errors.Join(fmt.Errorf("writing the first key: %w", err), p.keys.Remove(ctx, key.ID))
	}
	p.log.Info("made the first key, with which rouse keys create makes more", "key", key.ID, "file", file)
	return nil
}

// door asks callers for their keys before their requests go in.
type door struct {
	auth *auth.Authenticator // nil asks nobody
	log  *slog.Logger
}

func (p *platform) door() door {
	if p.config.Auth == authNone {
		return door{log: p.log}
	}
	return door{&auth.Authenticator{Keys: p.keys, Now: time.Now}, p.log}
}

// token wants the key itself, as Rouse's own surfaces do.
func (d door) token(next http.Handler) http.Handler {
	if d.auth == nil {
		return next
	}
	shut := gateway.Entry(func(c *gateway.Call) error {
		c.Writer.Header().Set("WWW-Authenticate", `Basic realm="Rouse", charset="UTF-8"`)
		return rouse.Errorf(rouse.Unauthorized,
			"a key is needed, and none that is known was given; send Authorization: Bearer ID:SECRET, or %s: ID:SECRET", auth.KeyHeader)
	}, d.log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := d.auth.Token(r); err != nil {
			shut.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// signed wants a signature or a key, as AWS's surfaces do. It answers in the
// form that the client's protocol expects.
func (d door) signed(front *awsfront.Front, next http.Handler) http.Handler {
	if d.auth == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lambdaapi.Unsigned(r) {
			next.ServeHTTP(w, r)
			return
		}
		var rejection *auth.Rejection
		if _, err := d.auth.Caller(w, r); errors.As(err, &rejection) {
			front.Refuse(w, r, rejection.Name, rejection.Message)
			return
		} else if err != nil {
			front.Refuse(w, r, "UnrecognizedClientException", "The request is not believed.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// urlCaller is who signed a request to a function URL. What came out of a
// sandbox has shown its token, and is not signed with one of our keys.
func (p *platform) urlCaller(d door, w http.ResponseWriter, r *http.Request) (*gateway.URLCaller, error) {
	if auth.Service(r) != "lambda" {
		return nil, rouse.Errorf(rouse.Unauthorized, "not signed for lambda")
	}
	_, inside := r.Context().Value(visitorKey{}).(visitor)
	id := auth.KeyID(r)
	if d.auth != nil && !inside {
		var err error
		if id, err = d.auth.Signature(w, r); err != nil {
			return nil, err
		}
	}
	r.Header.Del("Authorization") // which the function has no use for but to misuse it
	who := p.identity(r)
	return &gateway.URLCaller{KeyID: id, Account: p.config.place().Account, ARN: who.ARN, UserID: who.UserID}, nil
}

// front answers what AWS services other than Lambda are asked.
func (p *platform) openFront(own map[string]http.Handler) *awsfront.Front {
	c := awsfront.Config{
		Signed: auth.Service, Own: own, Place: p.config.place(), Timeout: p.config.AWSFallbackTimeout.D(), Log: p.log,
		Identity: p.identity,
	}
	if p.config.AWSFallback != "" {
		c.Fallback, _ = url.Parse(p.config.AWSFallback) // validated
	}
	return awsfront.New(c)
}

// objects are those of the fallback; without one there are none.
func (c *config) objects() lambdaapi.Objects {
	if c.AWSFallback == "" {
		return nil
	}
	fallback, _ := url.Parse(c.AWSFallback) // validated
	return awsfront.NewObjects(fallback, c.Region, c.AWSFallbackTimeout.D(), os.Getenv)
}

// identity is who calls, as AWS knows callers: a function by the role that it
// would have, everybody else as the account.
func (p *platform) identity(r *http.Request) awsfront.Identity {
	place := p.config.place()
	if who, ok := r.Context().Value(visitorKey{}).(visitor); ok {
		return who.identity(place)
	}
	return awsfront.Identity{ARN: "arn:aws:iam::" + place.Account + ":root", UserID: place.Account}
}

// validateDoor says what is wrong with the settings of who may come in.
func (c *config) validateDoor() error {
	fallback, err := url.Parse(c.AWSFallback)
	switch {
	case c.Public && c.Auth == authNone:
		return fmt.Errorf("public: nobody is asked for a key with auth none; leave it out, or give --auth keys")
	case c.AWSFallback == "":
	case err != nil || fallback.Host == "" || fallback.Scheme != "http" && fallback.Scheme != "https" || strings.Trim(fallback.Path, "/") != "" || fallback.RawQuery != "":
		return fmt.Errorf("aws_fallback %q: write it like http://127.0.0.1:5000", c.AWSFallback)
	}
	if c.AWSFallbackTimeout <= 0 {
		return fmt.Errorf("aws_fallback_timeout %s: must be more than 0", c.AWSFallbackTimeout)
	}
	return nil
}

// authNone asks nobody for a key.
const authNone = "none"
