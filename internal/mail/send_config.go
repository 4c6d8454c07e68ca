package mail

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
)

// TLSPolicy says whether a connection must be encrypted. Anything but the two
// laxer policies means TLSMandatory, the zero value included.
type TLSPolicy string

// The values of SMTP_TLS.
const (
	TLSMandatory     TLSPolicy = "mandatory"     // no mail without TLS and a certificate the system trusts
	TLSOpportunistic TLSPolicy = "opportunistic" // TLS where the server offers it; an offer that fails is not ignored
	TLSNone          TLSPolicy = "none"          // for a catcher on this machine
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

// implicitTLSPort is where a server speaks TLS from the first byte (RFC 8314,
// section 3.3); on every other port TLS begins with STARTTLS.
const implicitTLSPort = 465

// defaultTimeout is for one whole Send. RFC 5321, section 4.5.3.2.6, would
// wait ten minutes for the last reply alone; that is meant for queues of
// their own, and here it would hold a lane's connection.
const defaultTimeout = 2 * time.Minute

// Config is where mail is handed over and as whom.
type Config struct {
	Host string // SMTP_HOST, a name or an IP address; the name is checked against the certificate
	Port int    // SMTP_PORT: 587 as a rule, 465 for TLS from the first byte

	// SMTP_USERNAME and SMTP_PASSWORD go together; both empty means that the
	// server asks for none. They are never sent in the clear, save to this machine.
	Username, Password string

	// SMTP_FROM: an address or "Name <address>". The address is every mail's
	// sender, for the envelope and the reader; a letter brings its own name.
	From string

	TLS       TLSPolicy      // SMTP_TLS
	HelloName string         // the name given in EHLO; empty means this machine's
	Timeout   time.Duration  // for one whole Send, dialling included; 0 means 2 minutes
	RootCAs   *x509.CertPool // who signs the server's certificate; nil means whom the system trusts
}

// Validate says what is wrong by the environment variable's name, all of it at
// once. It does not reach for the server.
func (c Config) Validate() error {
	return errors.Join(c.validateHost(), c.validatePort(), c.validateFrom(), c.validateTLS(), c.validateLogin(), c.validateRest())
}

func (c Config) validateHost() error {
	switch {
	case c.Host == "":
		return errors.New("SMTP_HOST: empty; for example smtp.example.com")
	case strings.ContainsFunc(c.Host, unicode.IsSpace), strings.Contains(c.Host, "/"):
		return fmt.Errorf("SMTP_HOST: %q is not a host name like smtp.example.com", c.Host)
	case strings.Contains(c.Host, ":") && net.ParseIP(c.Host) == nil:
		return fmt.Errorf("SMTP_HOST: %q has a colon; give the name here (smtp.example.com) and the port in SMTP_PORT", c.Host)
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
	// Few servers relay an internationalised sender; its domain has an ASCII form.
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
	switch {
	case c.Username != "" && c.Password == "":
		return errors.New("SMTP_PASSWORD: empty, while SMTP_USERNAME is set; set both or neither")
	case c.Username == "" && c.Password != "":
		return errors.New("SMTP_USERNAME: empty, while SMTP_PASSWORD is set; set both or neither")
	case c.Username != "" && c.TLS == TLSNone && !isThisMachine(c.Host):
		return errors.New("SMTP_TLS: none would send SMTP_PASSWORD in the clear; use mandatory, or leave SMTP_USERNAME and SMTP_PASSWORD empty")
	}
	return nil
}

func (c Config) validateRest() error {
	if strings.ContainsFunc(c.HelloName, unicode.IsSpace) || !isASCII(c.HelloName) {
		return fmt.Errorf("SMTP hello name: %q is not a host name like worker-1.example.com", c.HelloName)
	}
	if c.Timeout < 0 {
		return fmt.Errorf("SMTP timeout: %s is negative; for example 2m", c.Timeout)
	}
	return nil
}

// isThisMachine is the very list by which go-mail lets a password go unencrypted.
func isThisMachine(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
