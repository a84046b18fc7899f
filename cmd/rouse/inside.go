package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
	"github.com/rousehq/rouse/gateway/awsfront"
	"github.com/rousehq/rouse/gateway/functionurl"
	"github.com/rousehq/rouse/gateway/lambdaapi"
	"github.com/rousehq/rouse/gateway/route"
	"github.com/rousehq/rouse/gateway/sqsapi"
)

// inside is Rouse's own API as functions reach it from within their sandboxes:
// to call other functions and use queues, and to reach what the fallback has.
// Which listener a connection came to says who calls.
type inside struct {
	place   rouse.Place
	log     *slog.Logger
	server  *http.Server
	serving sync.WaitGroup
	halls   atomic.Pointer[halls] // nil until the platform can serve
}

// halls are the handlers behind it, which ask nobody for a key.
type halls struct {
	router            *route.Router
	front             *awsfront.Front
	urls              *functionurl.Front
	functions, lambda http.Handler
}

// visitor is the instance at the other end of a listener.
type visitor struct {
	function rouse.FunctionName
	instance rouse.InstanceID
	token    string // to be shown; "" for none
}

type visitorKey struct{}

// ownListener is what one instance alone can reach, and so says who has come.
type ownListener struct {
	net.Listener
	visitor visitor
}

func newInside(place rouse.Place, log *slog.Logger) *inside {
	i := &inside{place: place, log: log}
	i.server = &http.Server{
		Handler: i,
		BaseContext: func(l net.Listener) context.Context {
			who := l.(ownListener).visitor
			return rouse.CalledBy(context.WithValue(context.Background(), visitorKey{}, who), who.instance)
		},
		ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHead,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return i
}

// open serves ep's listener until the listener is closed, which the caller does.
// It does not block.
func (i *inside) open(rev rouse.Revision, id rouse.InstanceID, ep rouse.Endpoint) {
	if ep.Platform == nil {
		return
	}
	l := ownListener{ep.Platform, visitor{rev.Function, id, ep.PlatformToken}}
	i.serving.Go(func() {
		if err := i.server.Serve(l); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			i.log.Debug("a sandbox's way to the platform ended", "instance", id, "error", err)
		}
	})
}

// close ends all requests and blocks until nothing is served any more.
func (i *inside) close() error {
	err := i.server.Close()
	i.serving.Wait()
	return err
}

func (i *inside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := i.halls.Load()
	if h == nil {
		i.refuse(w, r, rouse.Errorf(rouse.Unavailable, "the platform is starting"))
		return
	}
	who := r.Context().Value(visitorKey{}).(visitor)
	service, path := h.front.Service(r), r.URL.Path
	switch {
	case !who.believed(r):
		h.front.Refuse(w, r, "UnrecognizedClientException", "The security token included in the request is invalid.")
	case h.urls.Serves(r):
		who.keepsToken(r)
		h.urls.ServeHTTP(w, r)
	case h.router.Serves(r) && r.Header.Get("Webhook-Url") != "":
		i.refuse(w, r, rouse.Errorf(rouse.Denied, "webhook: from inside of a sandbox none can be named, since that would be a way to the internet; "+
			"the function that is called may have one of its own (rouse deploy --webhook)"))
	case h.router.Serves(r):
		who.keepsToken(r)
		h.functions.ServeHTTP(w, r)
	case lambdaapi.Serves(path) && (service == "" || service == "lambda"):
		if !lambdaapi.Invokes(r) {
			i.deny(h.front, w, r, who, "lambda:"+r.Method+" "+path)
			return
		}
		h.lambda.ServeHTTP(w, r)
	case service == "sqs" && r.Header.Get("X-Amz-Target") != "" && !sqsapi.Uses(r):
		i.deny(h.front, w, r, who, "sqs:"+cmp.Or(sqsapi.Operation(r), "an unknown operation"))
	case service == "logs":
		h.front.Elsewhere(w, r) // what other functions print is none of this one's business
	case service != "" && service != "lambda":
		h.front.ServeHTTP(w, r)
	case path == "/healthz":
		w.WriteHeader(http.StatusOK)
	default:
		i.refuse(w, r, rouse.Errorf(rouse.Denied, "path %.80q: functions are called from here, at /fn/NAME/ or as AWS's clients do, and queues used", path))
	}
}

// refuse answers with err in Rouse's own form.
func (i *inside) refuse(w http.ResponseWriter, r *http.Request, err error) {
	gateway.Entry(func(*gateway.Call) error { return err }, i.log).ServeHTTP(w, r)
}

// deny answers in AWS's form that a function may not do something.
func (i *inside) deny(front *awsfront.Front, w http.ResponseWriter, r *http.Request, who visitor, action string) {
	front.Refuse(w, r, "AccessDeniedException", "User: "+who.identity(i.place).ARN+" is not authorized to perform: "+action+
		"; from inside of a sandbox functions are invoked and queues used")
}

// believed says whether a request shows the token that its visitor was given, as
// clients of AWS show a session's.
func (v visitor) believed(r *http.Request) bool {
	if v.token == "" {
		return true
	}
	given := r.Header.Get("X-Amz-Security-Token")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && given == "" {
		given = bearer
	}
	if given == "" {
		given = r.URL.Query().Get("X-Amz-Security-Token")
	}
	return subtle.ConstantTimeCompare([]byte(given), []byte(v.token)) == 1
}

// keepsToken takes the token out of a request, whose receiver could call as the
// visitor with it.
func (v visitor) keepsToken(r *http.Request) {
	if v.token == "" {
		return
	}
	r.Header.Del("X-Amz-Security-Token")
	if r.Header.Get("Authorization") == "Bearer "+v.token {
		r.Header.Del("Authorization")
	}
}

// identity is a function's as AWS would have it: its role, taken by an instance.
func (v visitor) identity(place rouse.Place) awsfront.Identity {
	return awsfront.Identity{
		ARN:    "arn:aws:sts::" + place.Account + ":assumed-role/rouse/" + string(v.function),
		UserID: "AROAROUSE000000000000:" + string(v.function),
	}
}
