package smtp

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/publicsuffix"

	"portal-invites/internal/mail"
)

// DKIM signs mails (RFC 6376; ADR 31). The zero value signs nothing, which is right if the mail server signs them.
type DKIM struct {
	domain, selector string
	key              crypto.Signer
}

// ParseDKIM reads SMTP_DKIM_DOMAIN, SMTP_DKIM_SELECTOR and SMTP_DKIM_KEY, a private key in PEM. If all are empty,
// nothing is signed. If the domain is empty, it is the domain of from, the SMTP_FROM. Errors name the variable and
// never repeat the key.
func ParseDKIM(domain, selector, key, from string) (DKIM, error) {
	if domain == "" && selector == "" && key == "" {
		return DKIM{}, nil
	}
	d := DKIM{domain: strings.ToLower(cmp.Or(domain, mail.DomainOf(from))), selector: selector}
	var keyErr error
	d.key, keyErr = parseDKIMKey(key)
	if err := errors.Join(d.validateDomain(mail.DomainOf(from)), d.validateSelector(), keyErr); err != nil {
		return DKIM{}, err
	}
	return d, nil
}

// dnsNamePattern is a rough check of a name in the DNS. An internationalised name must be in its ASCII form.
var dnsNamePattern = regexp.MustCompile(`^` + dnsLabel + `(\.` + dnsLabel + `)*$`)

const dnsLabel = `[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?`

// validateDomain requires the organization of the sender's domain: receivers that use DMARC (RFC 7489, section 3.1.1)
// ignore the signature of another one.
func (d DKIM) validateDomain(from string) error {
	switch {
	case from == "": // it has its own error
		return nil
	case len(d.domain) > 253 || !dnsNamePattern.MatchString(d.domain):
		return fmt.Errorf("SMTP_DKIM_DOMAIN: %q is not a domain (example: mail.example.com)", d.domain)
	case organization(d.domain) != organization(from):
		return fmt.Errorf("SMTP_DKIM_DOMAIN: %s does not belong to the domain in SMTP_FROM, %s, "+
			"so receivers would ignore its signature", d.domain, from)
	}
	return nil
}

func organization(domain string) string {
	registered, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(domain))
	if err != nil {
		return strings.ToLower(domain) // localhost and the like
	}
	return registered
}

func (d DKIM) validateSelector() error {
	if len(d.selector) > 63 || !dnsNamePattern.MatchString(d.selector) {
		return fmt.Errorf("SMTP_DKIM_SELECTOR: %q is not a part of a DNS name before ._domainkey (example: portal2026)",
			d.selector)
	}
	return nil
}

// leastRSA is the smallest RSA key, in bits, that receivers accept (RFC 8301, section 3.2); 2048 is advised.
const leastRSA = 1024

func parseDKIMKey(key string) (crypto.Signer, error) {
	const example = "make one with: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048"
	if key == "" {
		return nil, errors.New("SMTP_DKIM_KEY: missing; " + example)
	}
	// In a file of environment variables a value has one line, so its line ends are written as \n.
	raw := []byte(strings.ReplaceAll(key, `\n`, "\n"))
	if block, _ := pem.Decode(raw); block != nil &&
		(strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "") {
		return nil, errors.New("SMTP_DKIM_KEY: is encrypted; use a key without a passphrase, " +
			"in a file that only the worker can read")
	}
	signer, err := gomail.PrivKeyFromPEM(raw)
	if err != nil {
		return nil, errors.New("SMTP_DKIM_KEY: not an RSA or Ed25519 private key in PEM; " + example)
	}
	if private, ok := signer.(*rsa.PrivateKey); ok && private.N.BitLen() < leastRSA {
		return nil, fmt.Errorf("SMTP_DKIM_KEY: an RSA key of %d bits, which receivers refuse; %s",
			private.N.BitLen(), example)
	}
	return signer, nil
}

// Record is the name and the content of the TXT record that must be published, so that receivers can verify the
// signatures (RFC 6376, section 3.6; RFC 8463, section 4). Both are empty if nothing is signed.
func (d DKIM) Record() (name, content string) {
	if d.key == nil {
		return "", ""
	}
	return d.selector + "._domainkey." + d.domain, publicRecord(d.key.Public())
}

// signedFields are the header fields that a signature covers: all that readers, replies and vacation notes use. If a
// field is listed twice, nobody can add a second one that is shown instead of ours (RFC 6376, section 8.15). Mail
// programs believe the fields of RFC 8058 only if a signature covers them. The signature of a mail without them does
// not cover that it has none, because some providers add their own.
func signedFields(oneClick bool) []string {
	fields := []string{
		"From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", "Content-Language", "Content-Type",
		"MIME-Version", mail.FirmHeader, mail.MailHeader,
		"From", "To", "Subject", "Date", "Reply-To", "Content-Type",
	}
	if oneClick {
		fields = append(fields, listUnsubscribe, listUnsubscribePost, listUnsubscribe, listUnsubscribePost)
	}
	return fields
}

// sign puts a signature before a whole message. Relays may refold its lines; any other change breaks the signature.
// oneClick says whether it has the fields of RFC 8058.
func (d DKIM) sign(message []byte, oneClick bool) ([]byte, error) {
	if d.key == nil {
		return message, nil
	}
	var signed bytes.Buffer
	err := dkim.Sign(&signed, bytes.NewReader(message), &dkim.SignOptions{
		Domain: d.domain, Selector: d.selector, Signer: d.key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: signedFields(oneClick),
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signed.Bytes(), nil
}

func publicRecord(public crypto.PublicKey) string {
	switch public := public.(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	default:
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return "" // parseDKIMKey gives no such key
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
	}
}
