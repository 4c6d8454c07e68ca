package portal

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Host returns the host of a portal's address in ASCII, with its port if it has one; "" if there is none.
func Host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	host, err := hostIn(u, address)
	if err != nil {
		return ""
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host
}

// Hosts are the hosts that portals may have. The zero value allows all.
type Hosts struct {
	exact  []string
	behind []string // .portal.example allows every host below portal.example
}

// ErrHost says that the operator does not allow the host of a portal. It names the field of the fact.
var ErrHost = errors.New("portal_url: has a host that PORTAL_HOSTS of the workers does not allow")

// ParseHosts reads a list of hosts, separated by commas. *.portal.example stands for every host below portal.example,
// and not for portal.example itself.
func ParseHosts(setting string) (Hosts, error) {
	var h Hosts
	if strings.TrimSpace(setting) == "" {
		return h, nil
	}
	for entry := range strings.SplitSeq(setting, ",") {
		entry = strings.TrimSpace(entry)
		name, wild := strings.CutPrefix(entry, "*.")
		host, err := idna.Lookup.ToASCII(strings.ToLower(name))
		if err != nil || host == "" || strings.ContainsAny(host, "*:/@ ") || wild && !strings.Contains(host, ".") {
			return Hosts{}, fmt.Errorf("PORTAL_HOSTS: %q is not a host without port, or *. and a domain "+
				"(example: *.portal.example.com,portal.example.org)", entry)
		}
		if wild {
			h.behind = append(h.behind, "."+host)
		} else {
			h.exact = append(h.exact, host)
		}
	}
	return h, nil
}

// All says whether every host is allowed.
func (h Hosts) All() bool { return len(h.exact)+len(h.behind) == 0 }

// Check returns [ErrHost] if the host of a portal's address is not allowed. The port does not matter.
func (h Hosts) Check(address string) error {
	if h.All() {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return ErrHost
	}
	host, err := hostIn(u, address)
	if err != nil {
		return ErrHost
	}
	host = strings.TrimSuffix(host, ".")
	if slices.Contains(h.exact, host) {
		return nil
	}
	for _, domain := range h.behind {
		if strings.HasSuffix(host, domain) && len(host) > len(domain) {
			return nil
		}
	}
	return ErrHost
}
