// Package page is the plain page at / that stands where the console will: the
// functions, what runs of them, and how to begin. It reads and never changes
// anything. Beside it are the probes /healthz and /readyz.
package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// most is how many functions the page shows; a browser gains nothing from more.
const most = 200

// Catalog is what the page needs of the control plane.
type Catalog interface {
	Functions() []rouse.Function
	Revision(id rouse.RevisionID) (*rouse.Revision, error)
}

// Pool is what it needs of whoever runs the instances.
type Pool interface {
	Instances() []rouse.Instance
	Waiting(fn rouse.FunctionName) int
}

// Config joins the page to the platform.
type Config struct {
	Catalog Catalog
	Pool    Pool
	Version string
	Driver  string
	Log     *slog.Logger
}

// New makes the handler of /. Every other path that reaches it is a not_found error.
func New(cfg Config) http.Handler {
	page := template.Must(template.New("page").Funcs(template.FuncMap{
		"css": func() template.CSS { return template.CSS(pageCSS) },
		"js":  func() template.JS { return template.JS(pageJS) },
	}).Parse(pageHTML))
	// Only what is embedded here may run or be loaded.
	policy := "default-src 'none'; style-src '" + digest(pageCSS) + "'; script-src '" + digest(pageJS) +
		"'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return gateway.Entry(func(c *gateway.Call) error {
		switch {
		case c.Request.URL.Path != "/":
			return rouse.Errorf(rouse.NotFound, "path: nothing is here; functions are below /fn/, the API below /api/v1")
		case c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead:
			c.Writer.Header().Set("Allow", "GET, HEAD")
			gateway.WriteErrorStatus(c.Writer, http.StatusMethodNotAllowed, c.ID, rouse.Errorf(rouse.Invalid, "method: this page is only for reading"))
			return nil
		}
		var out bytes.Buffer
		if err := page.Execute(&out, gather(cfg, c.Request, time.Now())); err != nil {
			return err
		}
		h := c.Writer.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if _, err := c.Writer.Write(out.Bytes()); err != nil {
			return gateway.ErrClientGone
		}
		return nil
	}, cfg.Log)
}

// view is what the template shows.
type view struct {
	Version, Driver string
	At              string
	Server          string // what the commands need to find this server; empty at the usual address
	Functions       []functionRow
	Total, Hidden   int
	Instances       []instanceRow
}

type functionRow struct {
	Name            rouse.FunctionName
	Path, Host      string
	What, Contract  string
	Memory          rouse.Bytes
	Instances, Busy int
	Waiting         int
	State           string // the best state of its instances, or asleep
}

type instanceRow struct {
	ID, Function, State string
	InFlight            int
	Served              uint64
	Idle, Age           rouse.Duration
}

// gather shows functions with instances first, then by name.
func gather(cfg Config, r *http.Request, now time.Time) view {
	v := view{Version: cfg.Version, Driver: cfg.Driver, At: now.Format(time.TimeOnly)}
	switch {
	case r.TLS != nil:
		v.Server = "https://" + r.Host
	case r.Host != "127.0.0.1:8080" && r.Host != "localhost:8080":
		v.Server = "http://" + r.Host
	}
	instances := slices.Clone(cfg.Pool.Instances())
	slices.SortFunc(instances, func(x, y rouse.Instance) int {
		return cmp.Or(cmp.Compare(x.Function, y.Function), x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	running := map[rouse.FunctionName][]rouse.Instance{}
	for _, i := range instances {
		running[i.Function] = append(running[i.Function], i)
		if len(v.Instances) < most {
			v.Instances = append(v.Instances, rowOfInstance(i, now))
		}
	}
	functions := cfg.Catalog.Functions()
	slices.SortFunc(functions, func(x, y rouse.Function) int {
		awake := func(f rouse.Function) int { return min(1, len(running[f.Name])) }
		return cmp.Or(awake(y)-awake(x), cmp.Compare(x.Name, y.Name))
	})
	v.Total = len(functions)
	functions = functions[:min(most, v.Total)]
	v.Hidden = v.Total - len(functions)
	for _, f := range functions {
		if revision, err := cfg.Catalog.Revision(f.Latest); err == nil { // or it was deleted just now
			v.Functions = append(v.Functions, rowOfFunction(f, revision, running[f.Name], cfg.Pool.Waiting(f.Name), r.Host))
		}
	}
	return v
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
