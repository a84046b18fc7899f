package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// echoServer is the function program, started on this host.
func (l *lab) echoServer(ctx context.Context) (*child, error) {
	return spawn(ctx, func(port string, cmd *exec.Cmd) { cmd.Env = []string{"PORT=" + port} },
		filepath.Join(l.function, "bootstrap"))
}

// reverseProxy is a process with httputil.ReverseProxy in front of a server.
func (l *lab) reverseProxy(ctx context.Context, server string) (*child, error) {
	return spawn(ctx, func(port string, cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "PORT="+port) }, l.self, "reverse", server)
}

// reverse is that process: what Go's standard library does best, with as many
// idle connections as there can be requests.
func reverse(server string) error {
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: server})
	p.Transport = &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
	p.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}}
	// Clients that leave at the end of a measurement are no news.
	p.ErrorLog = log.New(io.Discard, "", 0)
	return http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), p)
}

// buffers spares the ReverseProxy an allocation that Rouse's proxy does not make either.
type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte  { return b.Pool.Get().([]byte) }
func (b *buffers) Put(x []byte) { b.Pool.Put(x) }

// nginxProxy is nginx in front of a server, with kept connections and no log.
func (l *lab) nginxProxy(ctx context.Context, server string) (*child, error) {
	dir := filepath.Join(l.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	var wrong error
	c, err := spawn(ctx, func(port string, cmd *exec.Cmd) {
		wrong = os.WriteFile(file, fmt.Appendf(nil, `
daemon off; worker_processes auto; pid %[1]s/pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000000;
  upstream fn { server %[2]s; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:%[3]s;
    location / { proxy_pass http://fn; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}`, dir, server, port), 0o600)
	}, "nginx", "-p", dir, "-c", file)
	if wrong != nil {
		err = wrong
	}
	return c, err
}
