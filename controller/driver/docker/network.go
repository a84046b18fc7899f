package docker

import (
	"context"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
)

// egress is the bridge of sandboxes that may connect out.
const egress = "rouse-egress"

// ensureNetwork makes the bridge unless it is there. Containers on it do not
// reach each other.
func (d *Driver) ensureNetwork(ctx context.Context) error {
	return call(ctx, "making the egress network", func(ctx context.Context) error {
		_, err := d.api.NetworkInspect(ctx, egress, network.InspectOptions{})
		if !errdefs.IsNotFound(err) {
			return err
		}
		_, err = d.api.NetworkCreate(ctx, egress, network.CreateOptions{
			Driver:  "bridge",
			Options: map[string]string{"com.docker.network.bridge.enable_icc": "false"},
			Labels:  map[string]string{labelOwner: ""}, // shared by every data directory
		})
		if errdefs.IsConflict(err) { // somebody else was faster
			return nil
		}
		return err
	})
}

// removeNetworks is refused by the engine while a container is on the network,
// which is as it should be.
func (d *Driver) removeNetworks() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, name := range []string{egress, d.relayNetwork()} {
		if err := d.api.NetworkRemove(ctx, name); err != nil && !errdefs.IsNotFound(err) {
			d.Log.Debug("a network stays", "network", name, "error", err)
		}
	}
}
