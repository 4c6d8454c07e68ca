package app

import (
	"errors"
	"fmt"
	"net"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
)

// Database is how to reach Postgres.
type Database struct {
	// URL holds a password as a rule, so it can come from a file as well. The user must be allowed to create tables: workers
	// bring the schema up to date when they start.
	URL string `name:"database-url" env:"DATABASE_URL" placeholder:"postgres://user:password@localhost:5432/portal_invites" group:"Database" help:"The database; left out, standalone starts one of its own. DATABASE_URL_FILE names a file that has it."`
}

// SMTP is where mails are handed over.
type SMTP struct {
	// Host is checked against the server's certificate.
	Host string `name:"smtp-host" env:"SMTP_HOST" placeholder:"smtp.example.com" group:"Mail" help:"The mail server; left out, standalone catches mails."`
	// Port 465 means TLS from the first byte; on every other port it begins with STARTTLS.
	Port     int    `name:"smtp-port" env:"SMTP_PORT" default:"587" placeholder:"587" group:"Mail" help:"Its port."`
	Username string `name:"smtp-username" env:"SMTP_USERNAME" placeholder:"NAME" group:"Mail" help:"Login, where the server asks for one."`
	Password string `name:"smtp-password" env:"SMTP_PASSWORD" placeholder:"SECRET" group:"Mail" help:"Its password. SMTP_PASSWORD_FILE names a file that has it."`
	// From is the sender of every mail; the name shown is the firm's, via the one given here. Its domain needs SPF and DKIM
	// records that allow the server, or the mails end among the spam.
	From string `name:"smtp-from" env:"SMTP_FROM" placeholder:"portal@mail.example.com" group:"Mail" help:"The address mails come from."`
	DKIM
	// TLS none sends client names and links in the clear: for a catcher on the same machine only.
	TLS string `name:"smtp-tls" env:"SMTP_TLS" default:"mandatory" placeholder:"mandatory" group:"Mail" help:"mandatory, opportunistic or none."`
	// Connections is for each worker process. More of them send faster, until the server throttles.
	Connections int `name:"smtp-connections" env:"SMTP_CONNECTIONS" default:"4" placeholder:"4" group:"Mail" help:"The most connections at once, and so the most mails."`
	// The three limits of a connection: servers hang up on those that rest, and many take only so many mails in one session.
	ConnectionIdle  time.Duration `name:"smtp-connection-idle" env:"SMTP_CONNECTION_IDLE" default:"30s" placeholder:"30s" group:"Mail" help:"How long a connection is kept without a mail."`
	ConnectionAge   time.Duration `name:"smtp-connection-age" env:"SMTP_CONNECTION_AGE" default:"10m" placeholder:"10m" group:"Mail" help:"How long a connection is used, at most."`
	ConnectionMails int           `name:"smtp-connection-mails" env:"SMTP_CONNECTION_MAILS" default:"100" placeholder:"100" group:"Mail" help:"How many mails a connection carries, at most."`
	// Rate is the truth over all processes of a lane; DomainRate over all processes of both.
	Rate       Rate `name:"smtp-rate" env:"SMTP_RATE" default:"0" placeholder:"0" group:"Mail" help:"Mails a second that leave by a lane, all its workers together: 10, 600/m, 20000/h; 0 for no limit."`
	DomainRate Rate `name:"smtp-domain-rate" env:"SMTP_DOMAIN_RATE" default:"0" placeholder:"0" group:"Mail" help:"The same for the mails to any one recipient domain, both lanes together."`
}

// DKIM is how the workers sign mails, where the mail server does not.
type DKIM struct {
	// Domain must be of the sender's organization, or receivers count the signature for nothing.
	Domain   string `name:"smtp-dkim-domain" env:"SMTP_DKIM_DOMAIN" placeholder:"mail.example.com" group:"Mail" help:"The domain that signs mails; left out, that of the address they come from."`
	Selector string `name:"smtp-dkim-selector" env:"SMTP_DKIM_SELECTOR" placeholder:"portal2026" group:"Mail" help:"The name of the signing key in the DNS, before ._domainkey."`
	// Key can be made anew at any time, under another selector; mails on their way need the old record for some days more.
	Key string `name:"smtp-dkim-key" env:"SMTP_DKIM_KEY" placeholder:"PEM" group:"Mail" help:"The private key that signs mails, RSA or Ed25519 in PEM. SMTP_DKIM_KEY_FILE names a file that has it."`
}

func (d DKIM) config(from string) (smtp.DKIM, error) {
	key, err := Secret("SMTP_DKIM_KEY", d.Key)
	if err != nil {
		return smtp.DKIM{}, err
	}
	return smtp.ParseDKIM(d.Domain, d.Selector, key, from)
}

func (s SMTP) config() (smtp.Config, error) {
	password, err := Secret("SMTP_PASSWORD", s.Password)
	if err != nil {
		return smtp.Config{}, err
	}
	policy, err := smtp.ParseTLSPolicy(s.TLS)
	if err != nil {
		return smtp.Config{}, err
	}
	if s.Connections < 1 || s.Connections > 100 {
		return smtp.Config{}, errors.New("SMTP_CONNECTIONS: must be 1 to 100 (example: 4)")
	}
	cfg := smtp.Config{
		Host: s.Host, Port: s.Port, Username: s.Username, Password: password, From: s.From, TLS: policy,
		Keep: smtp.Keep{Idle: s.ConnectionIdle, Age: s.ConnectionAge, Mails: s.ConnectionMails},
	}
	var dkimErr error
	cfg.DKIM, dkimErr = s.DKIM.config(s.From)
	return cfg, errors.Join(cfg.Validate(), s.checkKeep(), dkimErr)
}

func (s SMTP) checkKeep() error {
	var errs []error
	if s.ConnectionIdle < time.Second || s.ConnectionIdle > 5*time.Minute {
		errs = append(errs, errors.New("SMTP_CONNECTION_IDLE: must be 1s to 5m (example: 30s)"))
	}
	if s.ConnectionAge < time.Second || s.ConnectionAge > 24*time.Hour {
		errs = append(errs, errors.New("SMTP_CONNECTION_AGE: must be 1s to 24h (example: 10m)"))
	}
	if s.ConnectionMails < 1 || s.ConnectionMails > 100_000 {
		errs = append(errs, errors.New("SMTP_CONNECTION_MAILS: must be 1 to 100000 (example: 100)"))
	}
	return errors.Join(errs...)
}

// Invites is how invites behave.
type Invites struct {
	// LinkKey signs the links in mails: id:base64, 32 bytes; several separated by commas, of which the first signs and all
	// are accepted. Losing it makes every link that was sent invalid; whoever has it can forge links.
	LinkKey string `name:"invite-link-key" env:"INVITE_LINK_KEY" placeholder:"KEY" group:"Invites" help:"Keys that sign links: id:base64 of 32 bytes, the newest first. INVITE_LINK_KEY_FILE names a file that has them."`
	// TTL is counted from the decision, and stands in the mail.
	TTL time.Duration `name:"invite-ttl" env:"INVITE_TTL" default:"720h" placeholder:"720h" group:"Invites" help:"How long an invite stays valid."`
	// Cooldown keeps an impatient office from mailing a client five times in a minute.
	Cooldown time.Duration `name:"resend-cooldown" env:"RESEND_COOLDOWN" default:"10m" placeholder:"10m" group:"Invites" help:"Least time between two mails to one person for one client."`
	// OnUnknown is about mails of which nobody knows whether the server has taken them: the connection was lost after the
	// last byte. resend risks a second copy, hold leaves the invite pending until a person decides.
	OnUnknown string `name:"invite-on-unknown" env:"INVITE_ON_UNKNOWN" default:"resend" placeholder:"resend" group:"Invites" help:"resend or hold a mail that may or may not have been taken by the server."`
	// RetryFor is the sum of the pauses between attempts: time in which the mail server was away is not counted.
	RetryFor time.Duration `name:"invite-retry-for" env:"INVITE_RETRY_FOR" default:"72h" placeholder:"72h" group:"Invites" help:"How long a mail that the mail server puts off is tried before the invite fails."`
}

// Ledger is how long what is over stays on record.
type Ledger struct {
	// Keep is counted from the last that happened to an invite. What is gone can't be asked about or replayed, and an event that
	// is published again after so long is a new one; what somebody's access goes back to stays.
	Keep time.Duration `name:"ledger-keep" env:"LEDGER_KEEP" default:"43800h" placeholder:"43800h" group:"Database" help:"How long invites that are over stay on record, with their requests and runs; 0 for ever."`
}

// leastKeep is how long events can come again by themselves: for as long as the stream has them, and as far back as a replay looks.
const leastKeep = events.DefaultEventsMaxAge + events.DefaultMaxAge

func (l Ledger) check() error {
	if l.Keep != 0 && l.Keep < leastKeep {
		return errors.New("LEDGER_KEEP: must be 0 (for ever), or at least 2880h: the 30 days of the stream and the 90 of a replay (example: 43800h)")
	}
	return nil
}

func (i Invites) keys() (link.Keyring, error) {
	key, err := Secret("INVITE_LINK_KEY", i.LinkKey)
	if err != nil {
		return link.Keyring{}, err
	}
	if key == "" {
		return link.Keyring{}, fmt.Errorf("INVITE_LINK_KEY: missing (make one with: echo \"k1:$(head -c 32 /dev/urandom | base64)\")")
	}
	keys, err := link.ParseKeyring(key)
	if err != nil {
		return link.Keyring{}, fmt.Errorf("INVITE_LINK_KEY: %w", err)
	}
	return keys, nil
}

func (i Invites) check() error {
	var errs []error
	if i.TTL < time.Hour || i.TTL > 366*24*time.Hour {
		errs = append(errs, errors.New("INVITE_TTL: must be 1h to 8784h (example: 720h)"))
	}
	if i.Cooldown < 0 || i.Cooldown > 24*time.Hour {
		errs = append(errs, errors.New("RESEND_COOLDOWN: must be 0s to 24h (example: 10m)"))
	}
	if i.RetryFor < time.Minute || i.RetryFor > 30*24*time.Hour {
		errs = append(errs, errors.New("INVITE_RETRY_FOR: must be 1m to 720h (example: 72h)"))
	}
	if o := pipeline.OnUnknown(i.OnUnknown); o != pipeline.ResendUnknown && o != pipeline.HoldUnknown {
		errs = append(errs, errors.New("INVITE_ON_UNKNOWN: must be resend or hold (example: resend)"))
	}
	return errors.Join(errs...)
}

// Service is how a process that stays up is seen and stopped.
type Service struct {
	// Addr serves /livez, /readyz and /metrics in the clear, without a login: not for the open network.
	Addr string `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"127.0.0.1:8080" group:"Service" help:"Where /livez, /readyz and /metrics are served; empty for nowhere."`
	// ShutdownTimeout is for the mails on their way; what has not arrived by then is sent again by the next worker.
	ShutdownTimeout time.Duration `name:"shutdown-timeout" env:"SHUTDOWN_TIMEOUT" default:"20s" placeholder:"20s" group:"Service" help:"How long a stop may take."`
	Log
}

func (s Service) check() error {
	var errs []error
	if s.Addr != "" {
		if _, _, err := net.SplitHostPort(s.Addr); err != nil {
			errs = append(errs, errors.New("HTTP_ADDR: must be host:port (example: 127.0.0.1:8080)"))
		}
	}
	if s.ShutdownTimeout < time.Second || s.ShutdownTimeout > time.Hour {
		errs = append(errs, errors.New("SHUTDOWN_TIMEOUT: must be 1s to 1h (example: 20s)"))
	}
	return errors.Join(append(errs, s.Log.check())...)
}

// Worker is all that a worker can be told.
type Worker struct {
	Broker
	Database
	Ledger
	SMTP
	Invites
	Service
}

// config checks every setting, and says all that is wrong with them at once. Nothing has been touched by then.
func (w Worker) config() (cfg pipeline.Config, databaseURL string, err error) {
	databaseURL, databaseErr := Secret("DATABASE_URL", w.Database.URL)
	if databaseErr == nil && databaseURL == "" {
		databaseErr = errors.New("DATABASE_URL: missing (example: postgres://user:password@localhost:5432/portal_invites)")
	}
	server, serverErr := w.SMTP.config()
	keys, keysErr := w.keys()
	if err := errors.Join(w.Check(), databaseErr, serverErr, keysErr, w.Ledger.check(), w.Invites.check(), w.Service.check()); err != nil {
		return cfg, "", UsageError{err}
	}
	return pipeline.Config{
		Topology: w.Topology(), Keys: keys, SMTP: server, Connections: w.Connections,
		Rate: float64(w.Rate), DomainRate: float64(w.DomainRate),
		OnUnknown:  pipeline.OnUnknown(w.OnUnknown),
		RetryFor:   w.RetryFor,
		Keep:       w.Keep,
		Policy:     rules.Policy{InviteTTL: w.TTL, ResendCooldown: w.Cooldown},
		StopWithin: w.ShutdownTimeout,
	}, databaseURL, nil
}
