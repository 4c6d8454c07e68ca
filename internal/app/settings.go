package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/portal"
	"portal-invites/internal/rules"
)

// Database is how to reach Postgres.
type Database struct {
	// URL usually holds a password, so it can come from a file, too. With MIGRATE=start, the user must own the schema.
	URL string `name:"database-url" env:"DATABASE_URL" placeholder:"postgres://user:password@localhost:5432/portal_invites" group:"Database" help:"The database; left out, standalone starts its own. DATABASE_URL_FILE names a file with it."`
	// Migrate never is for workers whose user may only read and write rows (ADR 96).
	Migrate string `name:"migrate" env:"MIGRATE" default:"start" placeholder:"start" group:"Database" help:"start: workers migrate the schema when they start. never: they wait until \"invite-worker migrate\" has done so."`
}

// databaseURL is the setting that the workers and the command migrate need.
func (d Database) databaseURL() (string, error) {
	url, err := Secret("DATABASE_URL", d.URL)
	if err == nil && url == "" {
		err = errors.New("DATABASE_URL: missing (example: postgres://user:password@localhost:5432/portal_invites)")
	}
	return url, err
}

func (d Database) check() error {
	if d.Migrate != migrateAtStart && d.Migrate != migrateNever {
		return errors.New("MIGRATE: must be start or never (example: start)")
	}
	return nil
}

// SMTP is how to reach the mail server, and how to use it.
type SMTP struct {
	// Host is checked against the server's certificate.
	Host string `name:"smtp-host" env:"SMTP_HOST" placeholder:"smtp.example.com" group:"Mail" help:"The mail server; left out, standalone catches mails."`
	// Port 465 means TLS from the first byte. On every other port TLS begins with STARTTLS.
	Port     int    `name:"smtp-port" env:"SMTP_PORT" default:"587" placeholder:"587" group:"Mail" help:"Its port."`
	Username string `name:"smtp-username" env:"SMTP_USERNAME" placeholder:"NAME" group:"Mail" help:"Login, if the server requires one."`
	Password string `name:"smtp-password" env:"SMTP_PASSWORD" placeholder:"SECRET" group:"Mail" help:"Its password. SMTP_PASSWORD_FILE names a file with it."`
	// A token takes the place of the password (XOAUTH2). It is read again at each login, because it expires in an hour.
	TokenFile    string `name:"smtp-oauth-token-file" env:"SMTP_OAUTH_TOKEN_FILE" placeholder:"PATH" group:"Mail" help:"A file with an OAuth token, in place of a password. Read at each login."`
	TokenCommand string `name:"smtp-oauth-token-command" env:"SMTP_OAUTH_TOKEN_COMMAND" placeholder:"COMMAND" group:"Mail" help:"A command that prints an OAuth token, in place of a password. Run at each login."`
	// From is the sender of every mail. The name shown is the firm's name "via" the name given here (ADR 32). Its domain
	// needs SPF and DKIM records that allow the server, or mails end up as spam.
	From string `name:"smtp-from" env:"SMTP_FROM" placeholder:"portal@mail.example.com" group:"Mail" help:"The address that mails are sent from."`
	DKIM
	// TLS none sends client names and links unencrypted: only for a mail catcher on the same machine.
	TLS string `name:"smtp-tls" env:"SMTP_TLS" default:"mandatory" placeholder:"mandatory" group:"Mail" help:"mandatory, opportunistic or none."`
	// CA is trusted besides the authorities that the system trusts. The client's certificate is read at each connection.
	CA         string `name:"smtp-ca" env:"SMTP_CA" placeholder:"PATH" group:"Mail" help:"File with the authority that signed the mail server's certificate."`
	ClientCert string `name:"smtp-client-cert" env:"SMTP_CLIENT_CERT" placeholder:"PATH" group:"Mail" help:"File with a certificate for the mail server, if it asks for one."`
	ClientKey  string `name:"smtp-client-key" env:"SMTP_CLIENT_KEY" placeholder:"PATH" group:"Mail" help:"File with the key of that certificate."`
	// Hello must be a full name at many servers. A container's own name has no dot.
	Hello string `name:"smtp-hello" env:"SMTP_HELLO" placeholder:"worker.example.com" group:"Mail" help:"The name given in EHLO. Left out: this host's, or the domain of SMTP_FROM if that has no dot."`
	// Connections is the number for each worker process. More connections send faster, until the server throttles.
	Connections int `name:"smtp-connections" env:"SMTP_CONNECTIONS" default:"4" placeholder:"4" group:"Mail" help:"The most connections, and so mails, at the same time."`
	// Limits of one connection: servers close idle ones, and many servers accept only so many mails in a session.
	ConnectionIdle  time.Duration `name:"smtp-connection-idle" env:"SMTP_CONNECTION_IDLE" default:"30s" placeholder:"30s" group:"Mail" help:"How long a connection is kept without a mail."`
	ConnectionAge   time.Duration `name:"smtp-connection-age" env:"SMTP_CONNECTION_AGE" default:"10m" placeholder:"10m" group:"Mail" help:"How long a connection is used, at most."`
	ConnectionMails int           `name:"smtp-connection-mails" env:"SMTP_CONNECTION_MAILS" default:"100" placeholder:"100" group:"Mail" help:"How many mails a connection carries, at most."`
	// Rate is shared by all processes of a lane, DomainRate by all processes of both lanes (ADR 43).
	Rate       Rate `name:"smtp-rate" env:"SMTP_RATE" default:"0" placeholder:"0" group:"Mail" help:"Mails a second that a lane sends, all its workers together: 10, 600/m, 20000/h; 0 for no limit."`
	DomainRate Rate `name:"smtp-domain-rate" env:"SMTP_DOMAIN_RATE" default:"0" placeholder:"0" group:"Mail" help:"The same for mails to any one recipient domain, both lanes together."`
	// Senders are read when the worker starts, and not again.
	Senders string `name:"smtp-senders" env:"SMTP_SENDERS" placeholder:"PATH" group:"Mail" help:"A file with more senders, each with its server and address, which firms may name."`
}

// DKIM is how workers sign mails, if the mail server does not.
type DKIM struct {
	// Domain must belong to the organization of the sender's domain, or receivers ignore the signature (DMARC alignment).
	Domain   string `name:"smtp-dkim-domain" env:"SMTP_DKIM_DOMAIN" placeholder:"mail.example.com" group:"Mail" help:"The domain that signs mails; left out, the domain of SMTP_FROM."`
	Selector string `name:"smtp-dkim-selector" env:"SMTP_DKIM_SELECTOR" placeholder:"portal2026" group:"Mail" help:"The name of the signing key in the DNS, before ._domainkey."`
	// Key can be replaced at any time, under another selector. Mails on their way need the old DNS record for some more
	// days.
	Key string `name:"smtp-dkim-key" env:"SMTP_DKIM_KEY" placeholder:"PEM" group:"Mail" help:"The private key that signs mails, RSA or Ed25519 in PEM. SMTP_DKIM_KEY_FILE names a file with it."`
}

func (d DKIM) config(from string) (smtp.DKIM, error) {
	return smtp.ParseDKIM(d.Domain, d.Selector, d.Key, from)
}

// config is the default sender's.
func (s SMTP) config() (smtp.Config, error) {
	var passwordErr, keyErr error
	s.Password, passwordErr = Secret("SMTP_PASSWORD", s.Password)
	s.Key, keyErr = Secret("SMTP_DKIM_KEY", s.Key)
	if err := errors.Join(passwordErr, keyErr); err != nil {
		return smtp.Config{}, err
	}
	return s.settled()
}

// settled is the configuration once the secrets are read.
func (s SMTP) settled() (smtp.Config, error) {
	policy, err := smtp.ParseTLSPolicy(s.TLS)
	if err != nil {
		return smtp.Config{}, err
	}
	if s.Connections < 1 || s.Connections > 100 {
		return smtp.Config{}, errors.New("SMTP_CONNECTIONS: must be 1 to 100 (example: 4)")
	}
	cfg := smtp.Config{
		Host: s.Host, Port: s.Port, Username: s.Username, Password: s.Password, From: s.From, TLS: policy, HelloName: s.Hello,
		Keep: smtp.Keep{Idle: s.ConnectionIdle, Age: s.ConnectionAge, Mails: s.ConnectionMails},
	}
	var dkimErr, caErr, certErr, tokenErr error
	cfg.DKIM, dkimErr = s.DKIM.config(s.From)
	cfg.RootCAs, caErr = s.authorities()
	cfg.Certificate, certErr = s.certificate()
	cfg.Token, tokenErr = s.token()
	return cfg, errors.Join(cfg.Validate(), s.checkKeep(), dkimErr, caErr, certErr, tokenErr)
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

// Invites has the settings of invites and their links.
type Invites struct {
	// LinkKey signs the links in mails. It is id:base64 of 32 bytes, or several of those separated by commas: the first
	// signs, all are accepted. Losing a key makes every link that it signed invalid. Whoever has a key can forge links.
	LinkKey string `name:"invite-link-key" env:"INVITE_LINK_KEY" placeholder:"KEY" group:"Invites" help:"Keys that sign links: id:base64 of 32 bytes, the newest first. INVITE_LINK_KEY_FILE names a file with them."`
	// ProofKey proves that a report of a bounce is about a mail of ours. Reports go by a mailbox to which anybody can
	// write.
	ProofKey string `name:"mail-proof-key" env:"MAIL_PROOF_KEY" placeholder:"KEY" group:"Invites" help:"Key of the proofs in Message-IDs: base64 of 32 bytes. Left out: derived from INVITE_LINK_KEY. MAIL_PROOF_KEY_FILE names a file with it."`
	// UnprovenFor is for mails that left before Message-IDs had proofs.
	UnprovenFor time.Duration `name:"unproven-reports-for" env:"UNPROVEN_REPORTS_FOR" default:"720h" placeholder:"720h" group:"Invites" help:"How long reports about mails without a proof count after the mail; 0 for not at all."`
	// TTL is counted from the decision. The mail says until when the invite is valid.
	TTL time.Duration `name:"invite-ttl" env:"INVITE_TTL" default:"720h" placeholder:"720h" group:"Invites" help:"How long an invite stays valid."`
	// Cooldown keeps an impatient office from mailing a client five times in a minute.
	Cooldown time.Duration `name:"resend-cooldown" env:"RESEND_COOLDOWN" default:"10m" placeholder:"10m" group:"Invites" help:"Least time between two mails to one person for one client."`
	// PortalHosts keeps a stolen credential of an upstream service from leading the links of mails to a stranger's host.
	PortalHosts string `name:"portal-hosts" env:"PORTAL_HOSTS" placeholder:"HOSTS" group:"Invites" help:"The hosts that portals may have, separated by commas: *.portal.example.com or a whole name. Left out: any host."`
	// OnUnknown is for mails that the server may or may not have taken: the connection was lost after the last byte.
	// resend risks a second copy. hold leaves the invite pending until a person decides.
	OnUnknown string `name:"invite-on-unknown" env:"INVITE_ON_UNKNOWN" default:"resend" placeholder:"resend" group:"Invites" help:"resend or hold a mail that the server may or may not have taken."`
	// RetryFor is the sum of the pauses between attempts. Time in which the mail server was away is not counted (ADR 39).
	RetryFor time.Duration `name:"invite-retry-for" env:"INVITE_RETRY_FOR" default:"72h" placeholder:"72h" group:"Invites" help:"How long a mail that the mail server defers is retried before the invite fails."`
}

// Ledger says how long finished invites are kept.
type Ledger struct {
	// Keep is counted from an invite's last activity; its default is five years. A deleted invite can't be asked about or
	// replayed. If its event is published again, the event counts as new. The invite behind someone's current access is
	// never deleted.
	Keep time.Duration `name:"ledger-keep" env:"LEDGER_KEEP" default:"43800h" placeholder:"43800h" group:"Database" help:"How long finished invites are kept, with their requests and runs; 0 for ever."`
}

// check compares Keep with how long an old event can still come back: as long as the stream keeps it, and as far as a
// replay looks back.
func (l Ledger) check(onStream time.Duration) error {
	if least := onStream + events.DefaultMaxAge; l.Keep != 0 && l.Keep < least {
		return fmt.Errorf("LEDGER_KEEP: must be 0 (for ever) or at least %.0fh, "+
			"which is EVENTS_KEEP and 90 days of a replay (example: 43800h)", least.Hours())
	}
	return nil
}

func (i Invites) keys() (link.Keyring, error) {
	key, err := Secret("INVITE_LINK_KEY", i.LinkKey)
	if err != nil {
		return link.Keyring{}, err
	}
	if key == "" {
		return link.Keyring{}, fmt.Errorf("INVITE_LINK_KEY: missing (make one with: " +
			"echo \"k1:$(head -c 32 /dev/urandom | base64)\")")
	}
	keys, err := link.ParseKeyring(key)
	if err != nil {
		return link.Keyring{}, fmt.Errorf("INVITE_LINK_KEY: %w", err)
	}
	return keys, nil
}

// proofKey is nil if it is derived from the keys of links.
func (i Invites) proofKey() (mail.ProofKey, error) {
	text, err := Secret("MAIL_PROOF_KEY", i.ProofKey)
	if err != nil || text == "" {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != proofKeySize {
		return nil, errors.New("MAIL_PROOF_KEY: must be base64 of 32 bytes (make one with: " +
			"head -c 32 /dev/urandom | base64)")
	}
	return key, nil
}

const proofKeySize = 32

func (i Invites) check() error {
	var errs []error
	if i.UnprovenFor < 0 || i.UnprovenFor > 366*24*time.Hour {
		errs = append(errs, errors.New("UNPROVEN_REPORTS_FOR: must be 0 to 8784h (example: 720h)"))
	}
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

// Service has the settings of a process that keeps running.
type Service struct {
	// Addr serves /livez, /readyz and /metrics without encryption or login: keep it off public networks.
	Addr string `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"127.0.0.1:8080" group:"Service" help:"Address that serves /livez, /readyz and /metrics; empty for none."`
	// ShutdownTimeout is for the mails on their way. The next worker sends again what has not arrived by then.
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

// Pause says when a firm is paused by itself (ADR 116). A mailbox that does not exist and a complaint count, each mail
// once. Only mails of the last day count, and no firm is paused before it has sent PauseMails.
type Pause struct {
	Mails            int     `name:"pause-mails" env:"PAUSE_MAILS" default:"200" placeholder:"200" group:"Invites" help:"A firm that sent fewer mails in a day is never paused by itself; 0 to pause none."`
	Bounces          int     `name:"pause-bounces" env:"PAUSE_BOUNCES" default:"10" placeholder:"10" group:"Invites" help:"How many of them must have no mailbox before the firm is paused."`
	BouncePercent    float64 `name:"pause-bounce-percent" env:"PAUSE_BOUNCE_PERCENT" default:"5" placeholder:"5" group:"Invites" help:"And which share of them, in percent."`
	Complaints       int     `name:"pause-complaints" env:"PAUSE_COMPLAINTS" default:"3" placeholder:"3" group:"Invites" help:"How many of them must be complained about before the firm is paused."`
	ComplaintPercent float64 `name:"pause-complaint-percent" env:"PAUSE_COMPLAINT_PERCENT" default:"0.1" placeholder:"0.1" group:"Invites" help:"And which share of them, in percent."`
}

// Limits say how many mails may leave (ADR 152). Each mail counts for a day, or for an hour, from its attempt on.
type Limits struct {
	RecipientDay   int `name:"limit-recipient-day" env:"LIMIT_RECIPIENT_DAY" default:"10" placeholder:"10" group:"Limits" help:"Mails to one mailbox in 24 hours, of all firms: to people who are no contacts, resends and reminders; 0 for no limit."`
	RecipientHour  int `name:"limit-recipient-hour" env:"LIMIT_RECIPIENT_HOUR" default:"3" placeholder:"3" group:"Limits" help:"The same in 60 minutes."`
	ContactDay     int `name:"limit-contact-day" env:"LIMIT_CONTACT_DAY" default:"50" placeholder:"50" group:"Limits" help:"Invites of contacts to one mailbox in 24 hours, of all firms; 0 for no limit."`
	ContactShare   int `name:"limit-contact-share" env:"LIMIT_CONTACT_SHARE" default:"3" placeholder:"3" group:"Limits" help:"Mails to a contact that a firm may send in 24 hours, whatever other firms have sent there."`
	AddedPeopleDay int `name:"limit-added-people-day" env:"LIMIT_ADDED_PEOPLE_DAY" default:"500" placeholder:"500" group:"Limits" help:"People who are no contacts that one firm may invite in 24 hours; 0 for no limit."`
	// FirmRate only postpones. A run takes nine tenths of it, evenly, so that individual mails stay ahead.
	FirmRate int `name:"firm-rate" env:"FIRM_RATE" default:"0" placeholder:"0" group:"Limits" help:"Mails that one firm may send in an hour; what is more waits. 0 for no limit."`
}

func (l Limits) check() error {
	var errs []error
	for _, n := range []struct {
		name string
		most int
	}{
		{"LIMIT_RECIPIENT_DAY", l.RecipientDay}, {"LIMIT_RECIPIENT_HOUR", l.RecipientHour},
		{"LIMIT_CONTACT_DAY", l.ContactDay}, {"LIMIT_CONTACT_SHARE", l.ContactShare},
		{"LIMIT_ADDED_PEOPLE_DAY", l.AddedPeopleDay}, {"FIRM_RATE", l.FirmRate},
	} {
		if n.most < 0 || n.most > 1_000_000 {
			errs = append(errs, fmt.Errorf("%s: must be 0 (for no limit) to 1000000 (example: 10)", n.name))
		}
	}
	return errors.Join(errs...)
}

func (l Limits) rules() rules.Limits {
	return rules.Limits{
		RecipientDay: l.RecipientDay, RecipientHour: l.RecipientHour, ContactDay: l.ContactDay,
		ContactShare: l.ContactShare, AddedPeopleDay: l.AddedPeopleDay, MailsHour: l.FirmRate,
	}
}

func (p Pause) check() error {
	if p.Mails == 0 {
		return nil // no firm is paused by itself
	}
	var errs []error
	for name, n := range map[string]int{"PAUSE_BOUNCES": p.Bounces, "PAUSE_COMPLAINTS": p.Complaints} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("%s: must be 1 or more (example: 10)", name))
		}
	}
	for name, percent := range map[string]float64{
		"PAUSE_BOUNCE_PERCENT": p.BouncePercent, "PAUSE_COMPLAINT_PERCENT": p.ComplaintPercent,
	} {
		if !(percent > 0 && percent <= 100) { // NaN is refused as well
			errs = append(errs, fmt.Errorf("%s: must be above 0 and up to 100 (example: 5)", name))
		}
	}
	if p.Mails < 0 {
		errs = append(errs, errors.New("PAUSE_MAILS: must be 0 (to pause no firm) or more (example: 200)"))
	}
	return errors.Join(errs...)
}

func (p Pause) limits() pipeline.PauseLimits {
	return pipeline.PauseLimits{
		Mails: p.Mails, Bounces: p.Bounces, Complaints: p.Complaints,
		BounceShare: p.BouncePercent / 100, ComplaintShare: p.ComplaintPercent / 100,
	}
}

// Worker has all settings of a worker.
type Worker struct {
	Broker
	Kept
	Database
	Ledger
	SMTP
	Invites
	Pause
	Limits
	Service
}

// config checks every setting and reports all that are wrong at once. It changes nothing.
func (w Worker) config() (cfg pipeline.Config, databaseURL string, err error) {
	databaseURL, databaseErr := w.databaseURL()
	server, serverErr := w.SMTP.config()
	senders, sendersErr := w.senders()
	keys, keysErr := w.keys()
	proofKey, proofErr := w.proofKey()
	portals, portalsErr := portal.ParseHosts(w.PortalHosts)
	if err := errors.Join(w.Check(), databaseErr, w.Database.check(), serverErr, sendersErr, keysErr, proofErr,
		portalsErr, w.Kept.check(), w.Ledger.check(w.EventsKeep),
		w.Invites.check(), w.Pause.check(), w.Limits.check(), w.Service.check()); err != nil {
		return cfg, "", UsageError{err}
	}
	return pipeline.Config{
		Topology: w.topology(w.Topology()), Keys: keys, ProofKey: proofKey, UnprovenFor: w.UnprovenFor,
		Portals: portals, SMTP: server, Senders: senders, Connections: w.Connections,
		Rate: float64(w.Rate), DomainRate: float64(w.DomainRate),
		OnUnknown:  pipeline.OnUnknown(w.OnUnknown),
		RetryFor:   w.RetryFor,
		Keep:       w.Keep,
		KeepOpen:   pipeline.Letters{For: w.DeadLettersKeep, PerFirm: w.DeadLettersPerFirm},
		Policy:     rules.Policy{InviteTTL: w.TTL, ResendCooldown: w.Cooldown, Limits: w.rules()},
		Pause:      w.limits(),
		StopWithin: w.ShutdownTimeout,
	}, databaseURL, nil
}
