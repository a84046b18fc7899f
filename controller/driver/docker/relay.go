package docker

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

const (
	// HostGateway is the engine's word for the machine that it runs on, as
	// containers see it.
	HostGateway = "host-gateway"
	// gatewayName is what that machine is called in a container's hosts file.
	gatewayName = "rouse-host"
)

// relayNetwork is the bridge of sandboxes without a network whose agents relay.
// It is this data directory's own, since its address is what we listen on.
func (d *Driver) relayNetwork() string { return "rouse-relay-" + d.Owner }

// openRelay has agents come over TCP: by default to the address that the host has
// on a bridge which leads nowhere else; or to Options.Relay, which an engine
// elsewhere leads to, and then the bridge leads outward.
func (d *Driver) openRelay(ctx context.Context) error {
	relayer, ok := d.Agents.(driver.Relayer)
	if !ok {
		return errors.New("agents cannot come over TCP here")
	}
	gateway, err := d.ensureRelayNetwork(ctx)
	if err != nil {
		return err
	}
	if d.Relay == "" {
		if gateway == "" {
			return rouse.Errorf(rouse.Unavailable, "the engine gave the bridge of sandboxes no gateway; name this machine's address as they see it with --relay")
		}
		return relayer.Relay(net.JoinHostPort(gateway, "0"), "")
	}
	host, port, err := net.SplitHostPort(d.Relay)
	if err != nil {
		return err
	}
	d.Log.Warn("functions with network none can connect out: their agents need a way to this machine", "relay", d.Relay)
	if host == HostGateway {
		return relayer.Relay(":"+port, net.JoinHostPort(gatewayName, port))
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // agents look no names up
	if err != nil {
		return err
	}
	at := addrs[0].Unmap()
	for _, a := range addrs {
		if a.Unmap().Is4() {
			at = a.Unmap()
			break
		}
	}
	listen := ""
	if ours(at.String()) { // else somebody forwards it to us, and we do not know where
		listen = at.String()
	}
	return relayer.Relay(net.JoinHostPort(listen, port), net.JoinHostPort(at.String(), port))
}

// ours says whether this machine has the address.
func ours(ip string) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if own, ok := a.(*net.IPNet); ok && own.IP.String() == ip {
			return true
		}
	}
	return false
}

// ensureRelayNetwork makes the bridge unless it is there, and returns the host's
// address on it. Containers on it do not reach each other.
func (d *Driver) ensureRelayNetwork(ctx context.Context) (gateway string, err error) {
	err = call(ctx, "making the relay's network", func(ctx context.Context) error {
		made, err := d.api.NetworkInspect(ctx, d.relayNetwork(), network.InspectOptions{})
		if err == nil && made.Internal != (d.Relay == "") {
			err = d.api.NetworkRemove(ctx, d.relayNetwork()) // --relay is another one than before
			if err == nil {
				err = errdefs.ErrNotFound
			}
		}
		if errdefs.IsNotFound(err) {
			_, err = d.api.NetworkCreate(ctx, d.relayNetwork(), network.CreateOptions{
				Driver:   "bridge",
				Internal: d.Relay == "",
				Options:  map[string]string{"com.docker.network.bridge.enable_icc": "false"},
				Labels:   map[string]string{labelOwner: d.Owner},
			})
			if err == nil {
				made, err = d.api.NetworkInspect(ctx, d.relayNetwork(), network.InspectOptions{})
			}
		}
		if err != nil {
			return err
		}
		for _, pool := range made.IPAM.Config {
			if gateway == "" {
				gateway = pool.Gateway
			}
		}
		return nil
	})
	return gateway, err
}

// relayed changes a container's configuration for an agent that relays.
func (d *Driver) relayed(h *container.HostConfig) {
	if h.NetworkMode == "none" {
		h.NetworkMode = container.NetworkMode(d.relayNetwork())
	}
	if host, _, _ := net.SplitHostPort(d.Relay); host == HostGateway {
		h.ExtraHosts = append(h.ExtraHosts, fmt.Sprintf("%s:%s", gatewayName, HostGateway))
	}
}
