package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

const (
	defaultURL     = "nats://127.0.0.1:4222"
	connectTimeout = 5 * time.Second
)

// broker is how to reach NATS. Each field is a flag and an environment variable.
type broker struct {
	// URL may hold a user and a password, so it can come from a file as well.
	URL string `name:"nats-url" env:"NATS_URL" placeholder:"URL" group:"Broker" help:"Addresses of the broker, separated by commas; nats://127.0.0.1:4222 if not given. NATS_URL_FILE names a file that has it."`
	// Creds is the path of a NATS credentials file, or its content.
	Creds string `name:"nats-creds" env:"NATS_CREDS" placeholder:"PATH" group:"Broker" help:"NATS credentials: a file's path, or its content. NATS_CREDS_FILE names the file as well."`
	CA    string `name:"nats-ca" env:"NATS_CA" placeholder:"PATH" group:"Broker" help:"PEM file of the authority that signed the broker's certificate, where it is not a public one."`
	// Replicas matters only where the publisher is the first to come, and creates the streams.
	Replicas int `name:"nats-replicas" env:"NATS_REPLICAS" default:"1" group:"Broker" help:"Replicas of the streams, in case they do not exist yet and are created: 3 in a cluster."`
}

// connect reaches the broker, or says which setting is in the way. The caller closes the connection.
func (b broker) connect(_ context.Context) (*nats.Conn, jetstream.JetStream, error) {
	address, options, err := b.options()
	if err != nil {
		return nil, nil, usageError{err}
	}
	nc, err := nats.Connect(address, options...)
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

func (b broker) options() (string, []nats.Option, error) {
	if b.Replicas < 1 || b.Replicas > 5 {
		return "", nil, fmt.Errorf("NATS_REPLICAS: must be 1 to 5 (example: 3)")
	}
	address, err := secret("NATS_URL", b.URL)
	if err != nil {
		return "", nil, err
	}
	if address == "" {
		address = defaultURL
	}
	for one := range strings.SplitSeq(address, ",") {
		// The parser's own error repeats the address, which may have a password in it.
		if u, err := url.Parse(withScheme(strings.TrimSpace(one))); err != nil || u.Host == "" {
			return "", nil, fmt.Errorf("NATS_URL: is not an address (example: %s)", defaultURL)
		}
	}
	options := []nats.Option{nats.Name("publisher"), nats.Timeout(connectTimeout)}
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

func (b broker) credentials() ([]byte, error) {
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
	creds, err := os.ReadFile(path) //nolint:gosec // the person who runs the command names the file
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

// secret takes the value as given, or from the file that NAME_FILE names.
func secret(name, value string) (string, error) {
	path := os.Getenv(name + "_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s: is set, and so is %s_FILE: one of them", name, name)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the person who runs the command names the file
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(content)), nil
}

func withScheme(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "nats://" + address
}

// redact takes user and password out of the addresses.
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

func (b broker) topology() events.Topology { return events.Topology{Replicas: b.Replicas} }
