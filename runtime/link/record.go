package link

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rousehq/rouse"
)

// recordVersion is the form of the file; another one is not believed.
const recordVersion = 1

const recordName = "record.json"

// record is what a host knows of a sandbox, outside of it.
type record struct {
	Version int             `json:"version"`
	ID      rouse.SandboxID `json:"id"`
	// Token proves the agent's first connection and stands in its environment.
	// Once it runs something only Reconnect does, which nobody else has seen.
	Token     string            `json:"token"`
	Reconnect string            `json:"reconnect"`
	Notes     map[string]string `json:"notes,omitempty"`
	Launched  *launched         `json:"launched,omitempty"`
	Relayed   *relayed          `json:"relayed,omitempty"` // nil where the agent has a socket in its folder
}

// launched is what the agent was told to run.
type launched struct {
	Revision rouse.RevisionID `json:"revision"`
	Contract rouse.Contract   `json:"contract"`
	Port     int              `json:"port"` // of the Runtime API, or of the code
	// Extensions are the names of those beside the process.
	Extensions []string `json:"extensions,omitempty"`
	Agent      peer     `json:"agent"`
	Stop       int      `json:"stop,omitempty"` // the signal that asks it to end; 0 is SIGTERM
	// Platform is the address of the second listener, with the token that its
	// callers show; "" where there is none.
	Platform      string `json:"platform,omitempty"`
	PlatformToken string `json:"platform_token,omitempty"`
}

// peer is a process as the kernel names it. The pid is 0 when the process is
// not visible from here.
type peer struct {
	PID int `json:"pid"`
	UID int `json:"uid"`
}

// same says whether other can be the process that p was.
func (p peer) same(other peer) bool {
	return p.UID == other.UID && (p.PID == other.PID || p.PID == 0 || other.PID == 0)
}

func newRecord(id rouse.SandboxID) record {
	return record{Version: recordVersion, ID: id, Token: rand.Text(), Reconnect: rand.Text(), Notes: map[string]string{}}
}

// readRecord believes only a whole record about id.
func readRecord(root string, id rouse.SandboxID) (record, error) {
	b, err := os.ReadFile(filepath.Join(root, recordName))
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, fmt.Errorf("%s: %w", recordName, err)
	}
	if r.Version != recordVersion || r.ID != id || r.Token == "" || r.Reconnect == "" {
		return record{}, fmt.Errorf("%s: not a record of version %d about %s", recordName, recordVersion, id)
	}
	if r.Notes == nil {
		r.Notes = map[string]string{}
	}
	return r, nil
}

// write replaces the file as a whole. It is not synced: a crash of the machine
// ends the sandboxes too.
func (r record) write(root string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	next := filepath.Join(root, recordName+".new")
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(root, recordName))
}
