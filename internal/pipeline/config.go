package pipeline

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/portal"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// OnUnknown is what happens to an invite whose mail may or may not have arrived.
type OnUnknown string

// ResendUnknown sends the mail again, with the same Message-ID and the same link, so it may arrive twice. HoldUnknown
// holds the invite until an operator rules on it.
const (
	ResendUnknown OnUnknown = "resend"
	HoldUnknown   OnUnknown = "hold"
)

// PauseLimits says when a firm is paused by itself.
type PauseLimits = upkeep.PauseLimits

// Letters says which open dead letters are kept.
type Letters = upkeep.Letters

// proofPurpose is what a key of links is derived for, to prove which mails are ours (ADR 155).
const proofPurpose = "portal-invites/proof/1"

// The defaults of a [Config], beside those of its Policy.
const (
	DefaultRetryFor      = 72 * time.Hour
	DefaultLeaseFor      = 15 * time.Second
	DefaultProgressEvery = 2 * time.Second
	DefaultStopWithin    = 20 * time.Second
)

// Pulse knows since when each stage is within one piece of work.
type Pulse = loop.Pulse

// Config has the parts and settings of a worker. The zero value of a setting that has a default means the default.
type Config struct {
	Store    *store.Store
	Reads    *store.Store // for the services' calls, so that they don't wait for the stages; Store by default
	JS       jetstream.JetStream
	Topology events.Topology
	Log      zerolog.Logger
	Observer Observer // nil: nothing is counted
	Pulse    *Pulse   // knows which stage stands still; nil: nobody asks

	Policy      rules.Policy
	Keys        link.Keyring
	ProofKey    mail.ProofKey // of Message-IDs; derived from Keys by default
	UnprovenFor time.Duration // how long reports about mails without a proof count; 0: not at all
	Portals     portal.Hosts  // the hosts that portals may have; all by default
	SMTP        smtp.Config
	Senders     []Sender      // besides the default one, which SMTP, Connections, Rate and DomainRate describe
	Connections int           // SMTP connections; each carries one mail at a time
	Rate        float64       // mails a second that leave by a lane, over all its workers; 0: no limit
	DomainRate  float64       // mails a second to one recipient domain, over all workers of both lanes; 0: no limit
	OnUnknown   OnUnknown     // ResendUnknown by default
	RetryFor    time.Duration // how long a mail that the server defers is tried; DefaultRetryFor

	Keep          time.Duration    // how long finished invites are kept; for ever by default
	KeepOpen      Letters          // how many open dead letters are kept; all by default
	Pause         PauseLimits      // when a firm is paused by itself; never by default
	LeaseFor      time.Duration    // how long a worker may be silent before others take over; DefaultLeaseFor
	ProgressEvery time.Duration    // the least time between two RunProgressed of a run; DefaultProgressEvery
	StopWithin    time.Duration    // how long mails on their way may take when the worker stops; DefaultStopWithin
	Now           func() time.Time // the clock that the pipeline goes by; the database's by default (ADR 82)
}

// Sender is one of the senders that firms may name (ADR 113). The fields are those of a [Config].
type Sender struct {
	Name             string
	SMTP             smtp.Config
	Connections      int
	Rate, DomainRate float64
}

// addresses are the addresses that mails come from, by the names of the senders.
func (c *Config) addresses() map[string]string {
	from := map[string]string{"": c.SMTP.From}
	for _, s := range c.Senders {
		from[s.Name] = s.SMTP.From
	}
	return from
}

// setDefaults fills in what is unset. now is the database's clock.
func (c *Config) setDefaults(now func() time.Time) {
	if c.Now == nil {
		c.Now = now
	}
	if c.Observer == nil {
		c.Observer = Unwatched{}
	}
	if c.Pulse == nil {
		c.Pulse = &Pulse{}
	}
	if c.Reads == nil {
		c.Reads = c.Store
	}
	setDefault(&c.LeaseFor, DefaultLeaseFor)
	setDefault(&c.ProgressEvery, DefaultProgressEvery)
	setDefault(&c.StopWithin, DefaultStopWithin)
	setDefault(&c.RetryFor, DefaultRetryFor)
	if c.Policy == (rules.Policy{}) {
		c.Policy.ResendCooldown = rules.DefaultResendCooldown // a caller that wants no cooldown sets a Policy
	}
	setDefault(&c.Policy.InviteTTL, rules.DefaultInviteTTL)
	if len(c.ProofKey) == 0 {
		c.ProofKey = c.Keys.Derive(proofPurpose)
	}
	c.Connections = max(c.Connections, 1)
	if c.OnUnknown == "" {
		c.OnUnknown = ResendUnknown
	}
}

func setDefault(d *time.Duration, standard time.Duration) {
	if *d <= 0 {
		*d = standard
	}
}
