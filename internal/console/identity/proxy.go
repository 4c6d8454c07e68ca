package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ProxyConfig says which proxy is trusted with saying who sends a request.
type ProxyConfig struct {
	Trusted      []netip.Prefix // where its connections come from
	NameHeader   string
	GroupsHeader string
	Groups       Groups
}

// Proxy reads who sends a request from the headers of a trusted proxy.
type Proxy struct {
	ProxyConfig
	key []byte // of the secrets in forms
}

// ParsePrefixes reads addresses and networks, separated by commas. A network with all addresses is an error.
func ParsePrefixes(list string) (found []netip.Prefix, err error) {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(part); err == nil {
				prefix, err = addr.Prefix(addr.BitLen())
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network (example: 10.0.0.5)", part)
		}
		if prefix.Bits() == 0 {
			return nil, fmt.Errorf("%q is every address: anybody could write the headers", part)
		}
		found = append(found, prefix.Masked())
	}
	return found, nil
}

// NewProxy returns a source that trusts a proxy.
func NewProxy(cfg ProxyConfig) (*Proxy, error) {
	if len(cfg.Trusted) == 0 {
		return nil, errors.New("names no proxy to trust")
	}
	return &Proxy{ProxyConfig: cfg, key: []byte(rand.Text())}, nil
}

// Who reads the headers. They count from the trusted addresses only: anybody else could write them, too.
func (p *Proxy) Who(r *http.Request) (Who, error) {
	if !p.trusts(r.RemoteAddr) {
		return Who{}, &RefusedError{http.StatusUnauthorized, "Open the console by the address of its proxy."}
	}
	names, groups := r.Header.Values(p.NameHeader), r.Header.Values(p.GroupsHeader)
	switch {
	case len(names) > 1 || len(groups) > 1:
		return Who{}, &RefusedError{http.StatusBadRequest, "The request has a header of the proxy twice."}
	case len(names) == 0:
		return Who{}, &RefusedError{http.StatusUnauthorized, "The proxy has not said who you are."}
	}
	who, err := p.Groups.Who(names[0], strings.Split(strings.Join(groups, ","), ","))
	if err != nil {
		return Who{}, err
	}
	sum := hmac.New(sha256.New, p.key)
	sum.Write([]byte(who.Name))
	who.csrf = hex.EncodeToString(sum.Sum(nil))
	return who, nil
}

func (p *Proxy) trusts(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	return err == nil && contains(p.Trusted, from.Addr())
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// Routes adds nothing: the proxy logs people in and out.
func (*Proxy) Routes(*http.ServeMux) {}
