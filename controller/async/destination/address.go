package destination

import (
	"fmt"
	"net/netip"
)

// private are the networks that a webhook does not reach unless it is allowed:
// this host, its neighbours, clouds' metadata services, and what is no host at
// all (IANA, "Special-Purpose Address Registry", for IPv4 and IPv6).
var private = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
	"fec0::/10", "ff00::/8",
)

// Networks whose addresses have one of IPv4 in them.
var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// check says why an address is not to be connected to, nil when it may be.
func check(ip netip.Addr, allow []netip.Prefix) error {
	ip = ip.Unmap().WithZone("")
	for _, p := range allow {
		if p.Contains(ip) {
			return nil
		}
	}
	for _, p := range private {
		if p.Contains(ip) {
			return fmt.Errorf("%s is a private or special address; rouse serve --webhook-allow permits networks", ip)
		}
	}
	switch b := ip.As16(); {
	case nat64.Contains(ip):
		return check(netip.AddrFrom4([4]byte(b[12:])), allow)
	case sixToFour.Contains(ip):
		return check(netip.AddrFrom4([4]byte(b[2:6])), allow)
	}
	return nil
}
