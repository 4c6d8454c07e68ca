package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"portal-invites/internal/console"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/pages"
)

// ConsoleCommand is the command line of the console.
type ConsoleCommand struct {
	Broker
	Console
	Log
	Serve       serveConsole       `cmd:"" default:"1" help:"Serve the console until asked to stop (the default)."`
	Healthcheck healthcheckConsole `cmd:"" help:"Ask the console on this machine whether it answers; exit code 0 or 1. For container engines."`
	Version     kong.VersionFlag   `help:"Print the version and exit."`
}

type serveConsole struct{}

// Run is what kong calls.
func (serveConsole) Run(ctx context.Context, s Streams, c *ConsoleCommand) error {
	log := c.Logger(s.Err)
	listener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	cfg, err := c.config(listener.Addr(), c.Broker, log)
	if err != nil {
		return errors.Join(UsageError{err}, listener.Close())
	}
	log.Info().Str("version", Version).Str("addr", listener.Addr().String()).Msg("console starts")
	if l, is := cfg.Source.(*identity.Link); is {
		log.Info().Str("link", l.URL()).Msg("open this link to log in; it works once")
	}
	return console.Serve(ctx, listener, cfg)
}

type healthcheckConsole struct{}

// Run is what kong calls.
func (healthcheckConsole) Run(ctx context.Context, c *ConsoleCommand) error {
	return askHealth(ctx, "CONSOLE_ADDR", c.ConsoleAddr, "/livez")
}

// Console are the settings of the console.
type Console struct {
	ConsoleAddr string `name:"console-addr" env:"CONSOLE_ADDR" default:"127.0.0.1:8026" placeholder:"127.0.0.1:8026" group:"Console" help:"Where the console listens."`
	// ConsoleURL is what OpenID Connect leads back to, and the only name under which the console answers.
	ConsoleURL string `name:"console-url" env:"CONSOLE_URL" placeholder:"https://console.example.com" group:"Console" help:"The address under which people open it. Left out: where it listens."`
	Login      string `name:"console-login" env:"CONSOLE_LOGIN" default:"link" placeholder:"link" group:"Console" help:"How people log in. link: by a link that is printed, on this machine only. proxy: a proxy says who they are. oidc: OpenID Connect."`
	// Credentials keep firms apart on the broker. Without the file, one connection serves all of them.
	Credentials string `name:"console-credentials" env:"CONSOLE_CREDENTIALS" placeholder:"PATH" group:"Console" help:"A file with the broker's login for each firm and for operators. Left out: one login, that of NATS_URL, for all."`
	ClientURL   string `name:"client-url" env:"CLIENT_URL" placeholder:"https://office.example/clients/{client_id}" group:"Console" help:"The address of a client's record in the firm's own software; {firm_id} and {client_id} stand for the ids."`
	Edits       string `name:"console-edits" env:"CONSOLE_EDITS" placeholder:"contacts" group:"Console" help:"contacts: an office may correct a contact in the console, which publishes it. Left out: nothing."`
	GroupPrefix string `name:"console-group-prefix" env:"CONSOLE_GROUP_PREFIX" default:"portal-" placeholder:"portal-" group:"Console" help:"What the groups that give rights begin with, as in portal-ops, portal-read-only and portal-office:acme-cpa."`

	// LinkFrom is for a console in a container, to which this machine is another one.
	LinkFrom string `name:"console-link-from" env:"CONSOLE_LINK_FROM" placeholder:"172.16.0.0/12" group:"Console" help:"Networks, besides this machine, from which a printed link works, with CONSOLE_LOGIN=link."`

	Proxies      string `name:"console-proxies" env:"CONSOLE_PROXIES" placeholder:"10.0.0.5,10.1.0.0/24" group:"Console" help:"Addresses and networks of the proxies whose headers count, with CONSOLE_LOGIN=proxy."`
	NameHeader   string `name:"console-name-header" env:"CONSOLE_NAME_HEADER" default:"X-Auth-Request-User" placeholder:"X-Auth-Request-User" group:"Console" help:"The header with the person's name."`
	GroupsHeader string `name:"console-groups-header" env:"CONSOLE_GROUPS_HEADER" default:"X-Auth-Request-Groups" placeholder:"X-Auth-Request-Groups" group:"Console" help:"The header with the person's groups, separated by commas."`

	Issuer       string `name:"console-oidc-issuer" env:"CONSOLE_OIDC_ISSUER" placeholder:"https://login.example.com" group:"Console" help:"The issuer, with CONSOLE_LOGIN=oidc."`
	ClientID     string `name:"console-oidc-client-id" env:"CONSOLE_OIDC_CLIENT_ID" placeholder:"portal-console" group:"Console" help:"The id of the console at the issuer."`
	ClientSecret string `name:"console-oidc-client-secret" env:"CONSOLE_OIDC_CLIENT_SECRET" placeholder:"SECRET" group:"Console" help:"Its secret. CONSOLE_OIDC_CLIENT_SECRET_FILE names a file with it."`
	GroupsClaim  string `name:"console-oidc-groups-claim" env:"CONSOLE_OIDC_GROUPS_CLAIM" default:"groups" placeholder:"groups" group:"Console" help:"The claim with the person's groups."`
}

func (c Console) listen(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.ConsoleAddr)
	if err != nil {
		return nil, Usagef("CONSOLE_ADDR: the console can't listen on %s (example: 127.0.0.1:8026): %w", c.ConsoleAddr, err)
	}
	return listener, nil
}

// config checks the settings, and makes the console's parts of them. addr is where it listens.
func (c Console) config(addr net.Addr, broker Broker, log zerolog.Logger) (pages.Config, error) {
	base := c.ConsoleURL
	if base == "" {
		base = "http://" + addr.String()
	}
	parsed, err := url.Parse(base)
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" ||
		strings.Trim(parsed.Path, "/") != "" {
		return pages.Config{}, errors.New(
			"CONSOLE_URL: must be an address without a path (example: https://console.example.com)")
	}
	base = parsed.Scheme + "://" + parsed.Host
	source, err := c.source(base, addr, log)
	if err != nil {
		return pages.Config{}, err
	}
	lines, err := c.lines(broker)
	if err != nil {
		return pages.Config{}, err
	}
	return pages.Config{
		Lines: lines, Source: source, LoginBy: c.Login, Hosts: hostsOf(parsed.Host, addr), ClientURL: c.ClientURL,
		Edits: c.Edits, Log: log,
	}, nil
}

// hostsOf are the names under which the console may be opened: its address, and on this machine also localhost.
func hostsOf(host string, addr net.Addr) []string {
	hosts := []string{strings.ToLower(host)}
	if tcp, is := addr.(*net.TCPAddr); is && tcp.IP.IsLoopback() {
		hosts = append(hosts, addr.String(), fmt.Sprintf("localhost:%d", tcp.Port))
	}
	if name, port, err := net.SplitHostPort(host); err == nil && name == "127.0.0.1" {
		hosts = append(hosts, "localhost:"+port)
	}
	return hosts
}
