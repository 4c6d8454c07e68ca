package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

const (
	defaultNATS    = "nats://127.0.0.1:4222"
	connectTimeout = 5 * time.Second
)

// BrokerVariables describes the connection's variables in the help of the commands that only talk to the broker.
const BrokerVariables = `  NATS_URL             addresses of the broker, or NATS_URL_FILE
  NATS_CONTEXT         a context of the nats command line
  NATS_CREDS           credentials file, or NATS_CREDS_FILE
  NATS_NKEY            file with an nkey's seed, or NATS_NKEY_FILE
  NATS_CA              the authority that signed the broker's certificate
  NATS_CERT, NATS_KEY  certificate and key of this client
  NATS_INBOX_PREFIX    the subject below which answers arrive
`

// Broker is how to reach NATS.
type Broker struct {
	// URL may hold a user and a password, so it can come from a file, too. A broker without logins is only for one machine
	// or a closed network.
	URL string `name:"nats-url" env:"NATS_URL" placeholder:"nats://127.0.0.1:4222" group:"Broker" help:"Addresses of the broker, separated by commas. Left out: nats://127.0.0.1:4222; standalone starts its own broker. NATS_URL_FILE names a file with them."`
	// Context replaces every other setting of the connection, except for the inbox prefix.
	Context string `name:"nats-context" env:"NATS_CONTEXT" aliases:"context" placeholder:"NAME" group:"Broker" help:"A context of the nats command line with the address and the login: its name, or its file's absolute path."`
	// Creds is the path of a NATS credentials file, or its content.
	Creds string `name:"nats-creds" env:"NATS_CREDS" placeholder:"PATH" group:"Broker" help:"NATS credentials: a file's path, or its content. NATS_CREDS_FILE names the file, too."`
	// NKey is the path of a file with an nkey's seed, or the seed.
	NKey string `name:"nats-nkey" env:"NATS_NKEY" placeholder:"PATH" group:"Broker" help:"Seed of the user's nkey: a file's path, or the seed. NATS_NKEY_FILE names the file, too."`
	// CA is needed if the broker's certificate is signed by a private authority.
	CA string `name:"nats-ca" env:"NATS_CA" placeholder:"PATH" group:"Broker" help:"PEM file of the authority that signed the broker's certificate, if it is a private one."`
	// ClientCert and ClientKey are for a broker that knows its clients by their certificates.
	ClientCert string `name:"nats-cert" env:"NATS_CERT" placeholder:"PATH" group:"Broker" help:"PEM file of this client's certificate, if the broker asks for one."`
	ClientKey  string `name:"nats-key" env:"NATS_KEY" placeholder:"PATH" group:"Broker" help:"PEM file of that certificate's private key."`
	// InboxPrefix is where answers arrive. A user who may subscribe to _INBOX.> hears everybody's answers.
	InboxPrefix string `name:"nats-inbox-prefix" env:"NATS_INBOX_PREFIX" placeholder:"_INBOX.NAME" group:"Broker" help:"Subject below which answers arrive; the user must be allowed to subscribe to it. Left out: _INBOX."`
	// JSDomain is for a broker whose JetStream is in a domain of its own, such as a leaf node's hub.
	JSDomain string `name:"nats-js-domain" env:"NATS_JS_DOMAIN" placeholder:"NAME" group:"Broker" help:"JetStream domain of the streams, if they are in one."`
	// Replicas is how many servers of a cluster keep each stream. With 1, losing that server's disk loses the stream.
	Replicas int `name:"nats-replicas" env:"NATS_REPLICAS" default:"1" placeholder:"1" group:"Broker" help:"Replicas of the streams: 3 in a cluster."`
	// TopologyMode check is for streams that belong to operators. The user then needs no right to create or change them.
	TopologyMode string `name:"nats-topology" env:"NATS_TOPOLOGY" default:"manage" placeholder:"manage" group:"Broker" help:"manage: create the streams and durables, and update what differs. check: only look, and say what differs."`
}

// Who creates and updates the streams: see NATS_TOPOLOGY.
const (
	topologyManage = "manage"
	topologyCheck  = "check"
)

// Topology is how the settings want the streams to be.
func (b Broker) Topology() events.Topology {
	return events.Topology{Replicas: b.Replicas, CheckOnly: b.TopologyMode == topologyCheck}
}

// Connect connects now, or says which setting is wrong. It is for commands that do one thing and end.
func (b Broker) Connect(name string) (*nats.Conn, jetstream.JetStream, error) {
	return b.connect(name)
}

func (b Broker) connect(name string, more ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	to, err := b.route()
	if err := errors.Join(err, b.checkTopology()); err != nil {
		return nil, nil, UsageError{err}
	}
	nc, domain, err := to.dial(append([]nats.Option{nats.Name(name)}, more...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to NATS at %s (%s): %w", to.shown, to.setting, explained(err))
	}
	var js jetstream.JetStream
	if domain != "" {
		js, err = jetstream.NewWithDomain(nc, domain)
	} else {
		js, err = jetstream.New(nc)
	}
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("open JetStream: %w", err)
	}
	return nc, js, nil
}

// Check says what is wrong with the settings, without connecting.
func (b Broker) Check() error {
	_, err := b.route()
	return errors.Join(err, b.checkTopology())
}

func (b Broker) checkTopology() error {
	if b.Replicas < 1 || b.Replicas > 5 {
		return errors.New("NATS_REPLICAS: must be 1 to 5 (example: 3)")
	}
	if b.TopologyMode != topologyManage && b.TopologyMode != topologyCheck {
		return errors.New("NATS_TOPOLOGY: must be manage or check (example: check)")
	}
	return nil
}

// Address is the broker's address, without user and password.
func (b Broker) Address() string {
	to, err := b.route()
	if err != nil {
		return "(unknown)"
	}
	return to.shown
}

func (b Broker) checkInboxPrefix() error {
	if b.InboxPrefix == "" {
		return nil
	}
	if strings.ContainsAny(b.InboxPrefix, "*> \t\r\n$") || strings.HasPrefix(b.InboxPrefix, ".") ||
		strings.HasSuffix(b.InboxPrefix, ".") || strings.Contains(b.InboxPrefix, "..") {
		return errors.New("NATS_INBOX_PREFIX: must be a subject without wildcards (example: _INBOX.worker)")
	}
	return nil
}
