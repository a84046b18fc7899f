package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/rousehq/rouse"
)

// server is the address of a function of the http contract in its sandbox.
const server = "127.0.0.1:8080"

// front is one way to reach a server.
type front struct {
	url    string
	inside []string // the command that runs the client where the server is; nil is here
}

// fronts are other ways to the server that Rouse itself reaches: the very same
// one, in its container. They run in its network, so that they have one loopback
// hop to it, and are called on this host's, as Rouse is.
type fronts struct {
	sides    []string
	by       map[string]front
	children []*child
}

// fronts puts the proxies in front of an instance of the http contract.
func (l *lab) fronts(ctx context.Context, id rouse.InstanceID) (f fronts, err error) {
	var found struct{ State struct{ Pid int } }
	if err := newEngine().call(ctx, "GET", "/containers/rouse-"+string(id)+"/json", nil, &found); err != nil {
		return f, err
	}
	inside := []string{"nsenter", "--net=/proc/" + strconv.Itoa(found.State.Pid) + "/ns/net"}
	f.sides = []string{"rouse", "ReverseProxy", "nginx", "direct"}
	f.by = map[string]front{"direct": {url: "http://" + server + "/", inside: inside}}
	for name, start := range map[string]func(net.Listener, []string) (*child, error){
		"ReverseProxy": func(on net.Listener, inside []string) (*child, error) {
			return spawn(on, nil, append(inside, l.self, "reverse")...)
		},
		"nginx": l.nginx,
	} {
		on, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return f, err
		}
		c, err := start(on, append([]string(nil), inside...))
		if err != nil {
			f.end()
			return f, fmt.Errorf("%s: %w", name, err)
		}
		f.children = append(f.children, c)
		f.by[name] = front{url: "http://" + c.addr + "/"}
	}
	return f, nil
}

// add has another front measured beside the others, and its process ended with theirs.
func (f *fronts) add(name string, at front, c *child) {
	f.sides, f.children = append(f.sides, name), append(f.children, c)
	f.by[name] = at
}

func (f fronts) end() {
	for _, c := range f.children {
		c.end()
	}
}

// reverse is a process with httputil.ReverseProxy: what Go's standard library
// does best, with as many idle connections as there can be requests.
func reverse() error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: server})
	p.Transport = &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
	p.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}}
	// Clients that leave at the end of a measurement are no news.
	p.ErrorLog = log.New(io.Discard, "", 0)
	return http.Serve(l, p)
}

// buffers spares the ReverseProxy an allocation that Rouse's proxy does not make either.
type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte  { return b.Pool.Get().([]byte) }
func (b *buffers) Put(x []byte) { b.Pool.Put(x) } //lint:ignore SA6002 httputil.BufferPool deals in slices

// nginx is nginx with kept connections and no log.
func (l *lab) nginx(on net.Listener, inside []string) (*child, error) {
	dir := filepath.Join(l.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	config := fmt.Appendf(nil, `
daemon off; worker_processes auto; pid %[1]s/pid; error_log stderr emerg;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000000;
  upstream fn { server %[2]s; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen %[3]s;
    location / { proxy_pass http://fn; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}`, dir, server, on.Addr())
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	// The variable has nginx take over a listener, as it does when it is upgraded.
	return spawn(on, []string{"NGINX=3;"}, append(inside, "nginx", "-p", dir, "-c", file)...)
}
