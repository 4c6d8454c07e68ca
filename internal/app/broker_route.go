package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
)

// route is where the broker is, and how to log in.
type route struct {
	address string // with user and password; empty for a context
	shown   string // without them
	setting string // the variable that names the address
	context string
	domain  string
	options []nats.Option
}

// dial connects, and returns the JetStream domain as well.
func (r route) dial(more ...nats.Option) (*nats.Conn, string, error) {
	options := append(append([]nats.Option{}, r.options...), more...)
	if r.context == "" {
		nc, err := nats.Connect(r.address, options...)
		return nc, r.domain, err
	}
	nc, settings, err := natscontext.Connect(r.context, options...)
	return nc, settings.JSDomain, err
}

// route checks the settings of the connection, and reads the files that they name.
func (b Broker) route() (route, error) {
	if err := errors.Join(b.checkInboxPrefix(), b.checkTogether()); err != nil {
		return route{}, err
	}
	var to route
	var err error
	if b.Context != "" {
		to, err = b.contextRoute()
	} else {
		to, err = b.addressRoute()
	}
	if err != nil {
		return route{}, err
	}
	to.options = append([]nats.Option{nats.Timeout(connectTimeout)}, to.options...)
	if b.InboxPrefix != "" {
		to.options = append(to.options, nats.CustomInboxPrefix(b.InboxPrefix))
	}
	return to, nil
}

// checkTogether says which settings can't be combined.
func (b Broker) checkTogether() error {
	fileOf := func(name, value string) string {
		if value == "" {
			return os.Getenv(name + "_FILE")
		}
		return value
	}
	given := []struct{ name, value string }{
		{"NATS_URL", fileOf("NATS_URL", b.URL)}, {"NATS_CREDS", fileOf("NATS_CREDS", b.Creds)},
		{"NATS_NKEY", fileOf("NATS_NKEY", b.NKey)}, {"NATS_CA", b.CA}, {"NATS_CERT", b.ClientCert},
		{"NATS_KEY", b.ClientKey}, {"NATS_JS_DOMAIN", b.JSDomain},
	}
	var errs []error
	for _, setting := range given {
		if b.Context != "" && setting.value != "" {
			errs = append(errs, fmt.Errorf("NATS_CONTEXT: is set, and so is %s; use one of them", setting.name))
		}
	}
	if given[1].value != "" && given[2].value != "" {
		errs = append(errs, errors.New("NATS_CREDS: is set, and so is NATS_NKEY; use one of them"))
	}
	if (b.ClientCert == "") != (b.ClientKey == "") {
		errs = append(errs, errors.New("NATS_CERT: needs NATS_KEY, and NATS_KEY needs NATS_CERT"))
	}
	if strings.ContainsAny(b.JSDomain, ".*> ") {
		errs = append(errs, errors.New("NATS_JS_DOMAIN: must be one word without dots (example: hub)"))
	}
	return errors.Join(errs...)
}

func (b Broker) addressRoute() (route, error) {
	address, err := Secret("NATS_URL", b.URL)
	if err != nil {
		return route{}, err
	}
	if address == "" {
		address = defaultNATS
	}
	for one := range strings.SplitSeq(address, ",") {
		// The parser's own error repeats the address, which may contain a password.
		if u, err := url.Parse(withScheme(strings.TrimSpace(one))); err != nil || u.Host == "" {
			return route{}, fmt.Errorf("NATS_URL: is not an address (example: %s)", defaultNATS)
		}
	}
	to := route{address: address, shown: redact(address), setting: "NATS_URL", domain: b.JSDomain}
	if b.URL == "" && os.Getenv("NATS_URL_FILE") != "" {
		to.options = append(to.options, loginAnew(func() []string {
			address, _ := Secret("NATS_URL", "")
			return strings.Split(address, ",")
		}))
	}
	login, err := b.login()
	if err != nil {
		return route{}, err
	}
	secure, err := b.secure()
	if err != nil {
		return route{}, err
	}
	to.options = append(append(to.options, login...), secure...)
	return to, nil
}

// secure returns the options of TLS. They read the files again at each connect, so that new certificates are used.
func (b Broker) secure() (options []nats.Option, err error) {
	if b.CA != "" {
		pem, err := os.ReadFile(b.CA)
		if err != nil {
			return nil, fmt.Errorf("NATS_CA: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("NATS_CA: there is no certificate in %s", b.CA)
		}
		options = append(options, nats.RootCAs(b.CA))
	}
	if b.ClientCert != "" {
		if _, err := tls.LoadX509KeyPair(b.ClientCert, b.ClientKey); err != nil {
			return nil, fmt.Errorf("NATS_CERT, NATS_KEY: %w", err)
		}
		options = append(options, nats.ClientCert(b.ClientCert, b.ClientKey))
	}
	return options, nil
}

// contextRoute is the route of a context of the nats command line.
func (b Broker) contextRoute() (route, error) {
	options, err := contextOptions(b.Context)
	if err != nil {
		return route{}, fmt.Errorf("NATS_CONTEXT: %w", err)
	}
	return route{
		context: b.Context, setting: "NATS_CONTEXT", shown: redact(strings.Join(options.Servers, ",")),
		options: []nats.Option{loginAnewOf(b.Context)},
	}, nil
}

// errSeen ends a connect before it begins, once the options have been seen.
var errSeen = errors.New("seen")

// contextOptions reads what a context sets. The library only connects. So this begins to connect, and stops.
func contextOptions(name string) (nats.Options, error) {
	var options nats.Options
	_, _, err := natscontext.Connect(name, func(o *nats.Options) error {
		options = *o
		return errSeen
	})
	if !errors.Is(err, errSeen) {
		return nats.Options{}, err
	}
	return options, nil
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
