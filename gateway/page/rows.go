package page

import (
	"net"
	"strings"
	"time"

	"github.com/rousehq/rouse"
)

func rowOfFunction(f rouse.Function, revision *rouse.Revision, running []rouse.Instance, waiting int, host string) functionRow {
	row := functionRow{
		Name:      f.Name,
		Path:      "/fn/" + string(f.Name) + "/",
		Host:      hostForm(f.Name, host),
		What:      revision.Spec.Runtime,
		Contract:  string(revision.Spec.Contract),
		Memory:    revision.Spec.Memory,
		Instances: len(running),
		Waiting:   waiting,
		State:     "asleep",
	}
	if row.What == "" {
		row.What = revision.Spec.Artifact.Image
	}
	rank := map[rouse.State]int{rouse.Draining: 1, rouse.Starting: 2, rouse.Frozen: 3, rouse.Ready: 4}
	best := 0
	for _, i := range running {
		row.Busy += i.InFlight
		if rank[i.State] > best {
			best, row.State = rank[i.State], string(i.State)
		}
	}
	return row
}

// hostForm is NAME.localhost with the client's port, where that works: the
// client is on this machine, and browsers send hosts in lower case.
func hostForm(name rouse.FunctionName, host string) string {
	hostname, port, err := net.SplitHostPort(host)
	if err != nil {
		hostname, port = host, ""
	}
	ip := net.ParseIP(strings.Trim(hostname, "[]"))
	local := strings.EqualFold(hostname, "localhost") || (ip != nil && ip.IsLoopback())
	if !local || strings.ToLower(string(name)) != string(name) {
		return ""
	}
	if port != "" {
		port = ":" + port
	}
	return "http://" + string(name) + ".localhost" + port + "/"
}

func rowOfInstance(i rouse.Instance, now time.Time) instanceRow {
	row := instanceRow{
		ID:       string(i.ID),
		Function: string(i.Function),
		State:    string(i.State),
		InFlight: i.InFlight,
		Served:   i.Served,
		Age:      seconds(now.Sub(i.Created)),
	}
	if !i.IdleSince.IsZero() {
		row.Idle = seconds(now.Sub(i.IdleSince))
	}
	return row
}

func seconds(d time.Duration) rouse.Duration {
	return rouse.Duration(max(d, 0).Truncate(time.Second))
}
