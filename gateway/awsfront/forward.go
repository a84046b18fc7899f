package awsfront

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"time"
)

const dialTimeout = 5 * time.Second

// via marks what was forwarded, so that a fallback that leads back is noticed.
const via = "1.1 rouse-aws-fallback"

// forward sends requests to the fallback as they came: path, query, host and
// headers take part in signatures, and bodies go both ways as streams.
type forward struct {
	front     *Front
	proxy     *httputil.ReverseProxy
	transport *http.Transport
}

var _ http.Handler = (*forward)(nil)

func newForward(f *Front) *forward {
	base := f.Fallback
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: f.Timeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // the client decides what it accepts
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
	}
	fw := &forward{front: f, transport: t}
	fw.proxy = &httputil.ReverseProxy{
		Transport:     t,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(f.Log.Handler(), slog.LevelDebug),
		ErrorHandler:  fw.failed,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = base.Scheme, base.Host
			if raw, query, found := strings.Cut(r.In.RequestURI, "?"); strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//") {
				r.Out.URL.Opaque, r.Out.URL.RawQuery, r.Out.URL.ForceQuery = raw, query, found && query == ""
			} else {
				r.Out.URL.RawQuery = r.In.URL.RawQuery // in which Rewrite has made order
			}
			r.Out.Host = r.In.Host
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = values
				}
			}
			r.Out.Header.Add("Via", via)
		},
	}
	return fw
}

func (fw *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if slices.Contains(r.Header.Values("Via"), via) {
		fw.front.fail(w, r, http.StatusLoopDetected, "ServiceUnavailableException", "--aws-fallback leads back to Rouse itself")
		return
	}
	fw.proxy.ServeHTTP(w, r)
}

// failed answers for a fallback that did not.
func (fw *forward) failed(w http.ResponseWriter, r *http.Request, err error) {
	f := fw.front
	if r.Context().Err() != nil || errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // nobody is left to answer
	}
	f.Log.Warn("the AWS fallback did not answer", "fallback", f.Fallback.Redacted(), "path", r.URL.Path, "error", err)
	what := "cannot be reached"
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		what = "did not answer in time"
	}
	f.fail(w, r, http.StatusServiceUnavailable, "ServiceUnavailableException", "the emulator that --aws-fallback names "+what)
}
