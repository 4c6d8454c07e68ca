package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
)

const (
	defaultNATS    = "nats://127.0.0.1:4222"
	connectTimeout = 5 * time.Second
)

// Broker is how to reach NATS.
type Broker struct {
	// URL may hold a user and a password, so it can come from a file, too. A broker without logins is only for one machine
	// or a closed network.
	URL string `name:"nats-url" env:"NATS_URL" placeholder:"nats://127.0.0.1:4222" group:"Broker" help:"Addresses of the broker, separated by commas. Left out: nats://127.0.0.1:4222; standalone starts its own broker. NATS_URL_FILE names a file with them."`
	// Creds is the path of a NATS credentials file, or its content.
	Creds string `name:"nats-creds" env:"NATS_CREDS" placeholder:"PATH" group:"Broker" help:"NATS credentials: a file's path, or its content. NATS_CREDS_FILE names the file, too."`
	// CA is needed if the broker's certificate is signed by a private authority.
	CA string `name:"nats-ca" env:"NATS_CA" placeholder:"PATH" group:"Broker" help:"PEM file of the authority that signed the broker's certificate, if it is a private one."`
	// Replicas is how many servers of a cluster keep each stream. With 1, losing that server's disk loses the stream.
	Replicas int `name:"nats-replicas" env:"NATS_REPLICAS" default:"1" placeholder:"1" group:"Broker" help:"Replicas of the streams: 3 in a cluster."`
}

// Topology is how the settings want the streams to be.
func (b Broker) Topology() events.Topology { return events.Topology{Replicas: b.Replicas} }

// Connect connects now, or says which setting is wrong. It is for commands that do one thing and end.
func (b Broker) Connect(name string) (*nats.Conn, jetstream.JetStream, error) {
	return b.connect(name)
}

// KeepConnected returns a connection at once, even if the broker is away, and reconnects for as long as the process
// lives. It is for workers. It logs when an outage begins and when it ends.
func (b Broker) KeepConnected(name string, log zerolog.Logger) (*nats.Conn, jetstream.JetStream, error) {
	nc, js, err := b.connect(name,
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), // the default gives up after 60
		nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn().Err(err).Str("broker", b.Address()).Msg("lost the connection to the broker; reconnecting. " + meanwhile)
			}
		}),
		nats.ConnectHandler(func(nc *nats.Conn) {
			log.Info().Str("broker", redact(nc.ConnectedUrl())).Msg("connected to the broker")
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info().Str("broker", redact(nc.ConnectedUrl())).Msg("connected to the broker again")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn().Err(err).Msg("the broker reports an error")
		}),
	)
	if err == nil && !nc.IsConnected() {
		log.Warn().Str("broker", b.Address()).
			Msg("can't reach the broker (NATS_URL); trying again until it answers. " + meanwhile)
	}
	return nc, js, err
}

// meanwhile says what becomes of the work while the broker is away.
const meanwhile = "Events wait at the broker and outcomes in the database; no restart is needed"

func (b Broker) connect(name string, more ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	address, options, err := b.options()
	if err != nil {
		return nil, nil, UsageError{err}
	}
	nc, err := nats.Connect(address, append(append(options, nats.Name(name)), more...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to NATS at %s (NATS_URL): %w", redact(address), err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("open JetStream: %w", err)
	}
	return nc, js, nil
}

// Check says what is wrong with the settings, without connecting.
func (b Broker) Check() error {
	_, _, err := b.options()
	return err
}

func (b Broker) options() (string, []nats.Option, error) {
	if b.Replicas < 1 || b.Replicas > 5 {
		return "", nil, errors.New("NATS_REPLICAS: must be 1 to 5 (example: 3)")
	}
	address, err := Secret("NATS_URL", b.URL)
	if err != nil {
		return "", nil, err
	}
	if address == "" {
		address = defaultNATS
	}
	for one := range strings.SplitSeq(address, ",") {
		// The parser's own error repeats the address, which may contain a password.
		if u, err := url.Parse(withScheme(strings.TrimSpace(one))); err != nil || u.Host == "" {
			return "", nil, fmt.Errorf("NATS_URL: is not an address (example: %s)", defaultNATS)
		}
	}
	options := []nats.Option{nats.Timeout(connectTimeout)}
	creds, err := b.credentials()
	if err != nil {
		return "", nil, err
	}
	if creds != nil {
		options = append(options, nats.UserCredentialBytes(creds))
	}
	if b.CA != "" {
		roots, err := readRoots(b.CA)
		if err != nil {
			return "", nil, err
		}
		options = append(options, nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	}
	return address, options, nil
}

func (b Broker) credentials() ([]byte, error) {
	if strings.Contains(b.Creds, "-----BEGIN") {
		return []byte(b.Creds), nil
	}
	path := b.Creds
	if path == "" {
		path = os.Getenv("NATS_CREDS_FILE")
	}
	if path == "" {
		return nil, nil
	}
	creds, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("NATS_CREDS: %w", err)
	}
	return creds, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("NATS_CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("NATS_CA: there is no certificate in %s", path)
	}
	return roots, nil
}

func withScheme(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "nats://" + address
}

// redact removes user and password from addresses.
func redact(addresses string) string {
	shown := strings.Split(addresses, ",")
	for i, one := range shown {
		if u, err := url.Parse(withScheme(strings.TrimSpace(one))); err == nil {
			u.User = nil
			shown[i] = u.String()
		}
	}
	return strings.Join(shown, ",")
}

// Address is the broker's address, without user and password.
func (b Broker) Address() string {
	address, _, err := b.options()
	if err != nil {
		return "(unknown)"
	}
	return redact(address)
}

// connected returns an error if the connection is not up now. It is a readiness check.
func connected(nc *nats.Conn) error {
	if !nc.IsConnected() {
		return errors.New("not connected to the broker")
	}
	return nil
}
