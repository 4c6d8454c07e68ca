package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// TLSPolicy says whether a connection must be encrypted. Every value other than the two laxer policies means
// TLSMandatory, even the zero value.
type TLSPolicy string

// The values of SMTP_TLS.
const (
	TLSMandatory     TLSPolicy = "mandatory"     // no mail without TLS and a certificate the system trusts
	TLSOpportunistic TLSPolicy = "opportunistic" // TLS if the server offers it; an offer that fails is an error
	TLSNone          TLSPolicy = "none"          // for a mail catcher on this machine
)

// ParseTLSPolicy reads SMTP_TLS; empty means mandatory.
func ParseTLSPolicy(s string) (TLSPolicy, error) {
	switch p := TLSPolicy(s); p {
	case "":
		return TLSMandatory, nil
	case TLSMandatory, TLSOpportunistic, TLSNone:
		return p, nil
	default:
		return "", fmt.Errorf("SMTP_TLS: %q is not one of mandatory, opportunistic, none", s)
	}
}

// implicitTLSPort is where a server speaks TLS from the first byte (RFC 8314, section 3.3). On every other port TLS
// begins with STARTTLS.
const implicitTLSPort = 465

// Timeouts limit the steps of a conversation, each from its beginning: a server that sends a byte now and then does not
// extend them. RFC 5321, section 4.5.3.2, asks clients to wait five minutes for most replies. Ours are shorter, because
// a silent server holds one of the lane's few connections (ADR 41). A zero means the default, which is given with each.
type Timeouts struct {
	Dial    time.Duration // reaching the server: 30 seconds
	Reply   time.Duration // the greeting, TLS, the login, and each reply up to DATA's: 1 minute
	Content time.Duration // sending the content: 2 minutes
	Accept  time.Duration // the reply to the final dot: 5 minutes; less would make second copies (section 4.5.3.2.6)
}

// Keep says how long a connection is used. Each connection draws its own limits, up to a quarter below these, so that
// those dialled together do not end together. A zero means the default.
type Keep struct {
	Idle  time.Duration // without a mail
	Age   time.Duration // in all
	Mails int
}

// DefaultKeep is how long a connection is used unless a [Config] says otherwise.
var DefaultKeep = Keep{
	Idle:  30 * time.Second, // servers hang up after five minutes (RFC 5321, section 4.5.3.2.7), firewalls sooner
	Age:   10 * time.Minute, // notices a server that left the DNS, or a renewed certificate
	Mails: 100,              // many servers take no more in one session
}

// Config says which server takes the mail, and how to log in there.
type Config struct {
	Host string // SMTP_HOST, a name or an IP address; the name is checked against the certificate
	Port int    // SMTP_PORT: usually 587; 465 for TLS from the first byte

	// SMTP_USERNAME and SMTP_PASSWORD belong together. Both are empty if the server requires none. They are never sent
	// unencrypted, except to this machine.
	Username, Password string

	// SMTP_FROM: an address or "Name <address>". The address is the sender of every mail, in the envelope and in From.
	// Each message has its own name.
	From string

	// Token takes the place of the password: it returns an access token for XOAUTH2 (SMTP_OAUTH_TOKEN_FILE or
	// SMTP_OAUTH_TOKEN_COMMAND). It is called at each login, so a token may be renewed at any time.
	Token func(ctx context.Context) (string, error)

	DKIM DKIM      // what signs every mail
	TLS  TLSPolicy // SMTP_TLS
	// Certificate returns our own certificate, if the server asks for one (SMTP_CLIENT_CERT). It may be nil.
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	HelloName   string // SMTP_HELLO: the name given in EHLO; empty means this machine's, or the domain of From

	Timeouts Timeouts       // of one conversation's steps
	Keep     Keep           // how long a connection is used
	RootCAs  *x509.CertPool // the authorities for the server's certificate; nil means those the system trusts
}

// Validate reports all that is wrong, each by its environment variable's name. It does not connect to the server.
func (c Config) Validate() error {
	return errors.Join(c.validateHost(), c.validatePort(), c.validateFrom(), c.validateTLS(), c.validateLogin(),
		c.validateRest())
}

func (c Config) validateHost() error {
	switch {
	case c.Host == "":
		return errors.New("SMTP_HOST: empty; for example smtp.example.com")
	case strings.ContainsFunc(c.Host, unicode.IsSpace), strings.Contains(c.Host, "/"):
		return fmt.Errorf("SMTP_HOST: %q is not a host name like smtp.example.com", c.Host)
	case strings.Contains(c.Host, ":") && net.ParseIP(c.Host) == nil:
		return fmt.Errorf("SMTP_HOST: %q has a colon; give the name here (smtp.example.com) and the port in SMTP_PORT",
			c.Host)
	}
	return nil
}

func (c Config) validatePort() error {
	if c.Port < 1 || c.Port > 65535 {
		return fmt.Errorf("SMTP_PORT: %d is not a port from 1 to 65535; for example 587", c.Port)
	}
	return nil
}

func (c Config) validateFrom() error {
	const example = `for example "Client portal <invites@example.com>"`
	if c.From == "" {
		return errors.New("SMTP_FROM: empty; " + example)
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return errors.New("SMTP_FROM: not an email address; " + example)
	}
	// Few servers relay an internationalised sender. A domain has an ASCII form.
	if !isASCII(from.Address) {
		return errors.New("SMTP_FROM: the address must be in ASCII (xn--... for the domain); " + example)
	}
	return nil
}

func (c Config) validateTLS() error {
	_, err := ParseTLSPolicy(string(c.TLS))
	return err
}

func (c Config) validateLogin() error {
	const inTheClear = "SMTP_TLS: none would send %s in the clear; use mandatory, or set no login"
	unsafe := c.TLS == TLSNone && !isThisMachine(c.Host)
	if c.Token != nil {
		switch {
		case c.Username == "":
			return errors.New("SMTP_USERNAME: empty, while a token is set; it is the mailbox that the token is for")
		case c.Password != "":
			return errors.New("SMTP_PASSWORD: can't be combined with a token; set one of them")
		case unsafe:
			return fmt.Errorf(inTheClear, "the token")
		}
		return nil
	}
	switch {
	case c.Username != "" && c.Password == "":
		return errors.New("SMTP_PASSWORD: empty, while SMTP_USERNAME is set; set both or neither")
	case c.Username == "" && c.Password != "":
		return errors.New("SMTP_USERNAME: empty, while SMTP_PASSWORD is set; set both or neither")
	case c.Username != "" && unsafe:
		return fmt.Errorf(inTheClear, "SMTP_PASSWORD")
	}
	return nil
}

func (c Config) validateRest() error {
	if !isHostName(c.HelloName) {
		return fmt.Errorf("SMTP_HELLO: %q is not a host name like worker-1.example.com", c.HelloName)
	}
	if t := c.Timeouts; min(t.Dial, t.Reply, t.Content, t.Accept) < 0 {
		return errors.New("SMTP timeouts: one is negative; for example 1m")
	}
	if min(c.Keep.Idle, c.Keep.Age) < 0 || c.Keep.Mails < 0 {
		return errors.New("SMTP connections: a limit is negative; for example 30s idle, 10m in all, 100 mails")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Timeouts.Dial = cmp.Or(c.Timeouts.Dial, 30*time.Second)
	c.Timeouts.Reply = cmp.Or(c.Timeouts.Reply, time.Minute)
	c.Timeouts.Content = cmp.Or(c.Timeouts.Content, 2*time.Minute)
	c.Timeouts.Accept = cmp.Or(c.Timeouts.Accept, 5*time.Minute)
	c.Keep.Idle = cmp.Or(c.Keep.Idle, DefaultKeep.Idle)
	c.Keep.Age = cmp.Or(c.Keep.Age, DefaultKeep.Age)
	c.Keep.Mails = cmp.Or(c.Keep.Mails, DefaultKeep.Mails)
	return c
}

func (c Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// isThisMachine has the hosts to which go-mail sends a password unencrypted.
func isThisMachine(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
