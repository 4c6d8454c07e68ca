package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/user"

	"github.com/rs/zerolog"

	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/pages"
)

// source is how people log in.
func (c Console) source(base string, addr net.Addr, log zerolog.Logger) (identity.Source, error) {
	groups := identity.Groups{Prefix: c.GroupPrefix}
	switch c.Login {
	case pages.ByLink:
		return c.link(base, addr, log)
	case pages.ByProxy:
		trusted, err := identity.ParsePrefixes(c.Proxies)
		if err != nil {
			return nil, fmt.Errorf("CONSOLE_PROXIES: %w", err)
		}
		return identity.NewProxy(identity.ProxyConfig{
			Trusted: trusted, NameHeader: c.NameHeader, GroupsHeader: c.GroupsHeader, Groups: groups,
		})
	case pages.ByOIDC:
		secret, err := Secret("CONSOLE_OIDC_CLIENT_SECRET", c.ClientSecret)
		if err != nil {
			return nil, err
		}
		for name, value := range map[string]string{
			"CONSOLE_OIDC_ISSUER": c.Issuer, "CONSOLE_OIDC_CLIENT_ID": c.ClientID, "CONSOLE_URL": c.ConsoleURL,
		} {
			if value == "" {
				return nil, fmt.Errorf("%s: missing; CONSOLE_LOGIN=oidc needs it", name)
			}
		}
		return identity.NewOIDC(identity.OIDCConfig{
			Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret, Base: base, GroupsClaim: c.GroupsClaim, Groups: groups,
		}), nil
	default:
		return nil, errors.New("CONSOLE_LOGIN: must be link, proxy or oidc (example: link)")
	}
}

// link lets in whoever opens a printed link on this machine, as an operator and as the office of every firm.
func (c Console) link(base string, addr net.Addr, log zerolog.Logger) (identity.Source, error) {
	var from []netip.Prefix
	if c.LinkFrom != "" {
		var err error
		if from, err = identity.ParsePrefixes(c.LinkFrom); err != nil {
			return nil, fmt.Errorf("CONSOLE_LINK_FROM: %w", err)
		}
	} else if listens, err := netip.ParseAddrPort(addr.String()); err != nil || !listens.Addr().IsLoopback() {
		return nil, errors.New("CONSOLE_LOGIN: link needs a CONSOLE_ADDR on this machine (example: 127.0.0.1:8026); " +
			"for others, use proxy or oidc")
	}
	who := identity.Who{Name: loginName(), EveryFirm: true, Ops: true}
	return identity.NewLink(base, who, from, func(next string) {
		log.Info().Str("link", next).Msg("somebody has logged in to the console; this link lets the next browser in")
	}), nil
}

// loginName is the login on this machine, which requests say they are from.
func loginName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "console"
}
