package registrytest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Front sees a request before the registry does, and says whether it has answered.
type Front func(w http.ResponseWriter, r *http.Request) bool

// OnBlobs has a front see only who reads layers and configurations.
func OnBlobs(front Front) Front { return OnBlob("", front) }

// OnBlob has a front see only who reads what has a digest.
func OnBlob(digest string, front Front) Front {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/"+digest) && front(w, r)
	}
}

// On has a front see only what is asked about one repository.
func On(repository string, front Front) Front {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/v2/"+repository+"/") && front(w, r)
	}
}

// Either is the first of fronts that answers.
func Either(fronts ...Front) Front {
	return func(w http.ResponseWriter, r *http.Request) bool {
		for _, front := range fronts {
			if front(w, r) {
				return true
			}
		}
		return false
	}
}

// Status answers with a status and nothing else.
func Status(code int) Front {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		return true
	}
}

// Private lets one user in, and asks everybody else to log in.
func Private(user, password string) Front {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if u, p, _ := r.BasicAuth(); u == user && p == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registrytest"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
}

// Serve answers with content, or with the part of it that is asked for.
func Serve(content []byte) Front {
	return func(w http.ResponseWriter, r *http.Request) bool {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		return true
	}
}

// StandStill sends the beginning of what is to be of a size, and nothing after
// that until the client gives up.
func StandStill(beginning []byte, size int64) Front {
	return func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(beginning)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
}

// Gate holds up whoever comes while it is shut. The zero value is open.
type Gate struct {
	mu   sync.Mutex
	shut chan struct{} // guarded by mu; closed when the gate opens, nil while it is open
}

// Shut has whoever comes from now on wait.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

// Open lets everybody through.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// Hold is the gate's front.
func (g *Gate) Hold(_ http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut == nil {
		return false
	}
	select {
	case <-shut:
		return false
	case <-r.Context().Done():
		return true
	}
}
