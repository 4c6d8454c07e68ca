package smtp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"portal-invites/internal/mail"
)

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ed25519Key(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// verify asks another implementation to verify a mail, with the record that the signer wants published.
func verify(t *testing.T, d DKIM, raw string) []*dkim.Verification {
	t.Helper()
	name, record := d.Record()
	verifications, err := dkim.VerifyWithOptions(strings.NewReader(raw), &dkim.VerifyOptions{
		LookupTXT: func(asked string) ([]string, error) {
			if asked == name {
				return []string{record}, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: asked, IsNotFound: true}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return verifications
}

// What arrives through a real conversation is what was signed: every field that a reader or a vacation note uses, and
// the body, with a line that begins with a dot and with characters that are not ASCII.
func TestSignatureArrivesWhole(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{"rsa": rsaKey(t, 2048), "ed25519": ed25519Key(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSink(t, nil)
			cfg := configFor(s.port)
			var err error
			if cfg.DKIM, err = ParseDKIM("", "portal2026", pemOf(t, key), cfg.From); err != nil {
				t.Fatal(err)
			}
			m := messageTo("dana@example.com")
			m.FirmID, m.Content.Language = "acme", "fr"
			m.Content.Subject = strings.Repeat("Größe, ", 30)
			if r := open(t, cfg).Send(t.Context(), m); r.Verdict != mail.Delivered {
				t.Fatalf("%+v", r)
			}
			raw := s.mails()[0].data
			for _, v := range verify(t, cfg.DKIM, raw) {
				if v.Err != nil {
					t.Errorf("the verifier says: %v", v.Err)
				}
				if v.Domain != "firm.example" {
					t.Errorf("signed by %s", v.Domain)
				}
				for _, field := range []string{
					"From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", "Content-Type", "MIME-Version",
				} {
					if !slices.ContainsFunc(v.HeaderKeys, func(k string) bool { return strings.EqualFold(k, field) }) {
						t.Errorf("%s is not signed; signed are %q", field, v.HeaderKeys)
					}
				}
			}
			for what, tampered := range map[string]string{
				"a second subject":   "Subject: Your money, now\r\n" + raw,
				"another reply-to":   strings.Replace(raw, "office@harborpine", "office@evil", 1),
				"a vacation note":    strings.Replace(raw, "Auto-Submitted: auto-generated", "Auto-Submitted: no", 1),
				"another sender":     strings.Replace(raw, "Harbor & Pine CPA via", "The tax office via", 1),
				"a word in the body": strings.Replace(raw, "Gr=C3=BC=C3=9Fe", "Gr=C3=BC=C3=9FE", 1),
			} {
				if tampered == raw {
					t.Errorf("%s: this test expects another mail:\n%s", what, raw)
				}
				if verify(t, cfg.DKIM, tampered)[0].Err == nil {
					t.Errorf("%s is not noticed", what)
				}
			}
		})
	}
}

// Mail programs show the button of RFC 8058 only if a signature covers both fields. A mail without them says nothing
// about them, so that a provider may add its own.
func TestOneClickIsSigned(t *testing.T) {
	t.Parallel()
	d, err := ParseDKIM("", "portal2026", pemOf(t, ed25519Key(t)), "invites@firm.example")
	if err != nil {
		t.Fatal(err)
	}
	from := &netmail.Address{Name: "Portal", Address: "invites@firm.example"}
	for name, c := range map[string]struct {
		page   string
		signed bool
	}{
		"no page":          {"", false},
		"a page":           {"https://portal.example/invite/k1.TOKEN/decline", true},
		"a page over http": {"http://127.0.0.1/invite/k1.TOKEN/decline", false},
		"too long a page":  {"https://portal.example/" + strings.Repeat("x", 900) + "/invite/k1.TOKEN/decline", false},
	} {
		m := messageTo("dana@example.com")
		m.Content.Decline = c.page
		o, err := build(m, from, d)
		if err != nil {
			t.Fatal(err)
		}
		raw := string(o.bytes)
		v := verify(t, d, raw)[0]
		if v.Err != nil {
			t.Errorf("%s: the verifier says: %v", name, v.Err)
		}
		read, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		for field, value := range map[string]string{
			"List-Unsubscribe": "<" + c.page + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		} {
			if !c.signed {
				value = ""
			}
			isSigned := slices.ContainsFunc(v.HeaderKeys, func(k string) bool { return strings.EqualFold(k, field) })
			if got := read.Header.Get(field); got != value || isSigned != c.signed {
				t.Errorf("%s: %s is %q and signed: %t; want %q and %t", name, field, got, isSigned, value, c.signed)
			}
		}
		own := verify(t, d, "List-Unsubscribe: <https://other.example>\r\n"+raw)[0]
		if broken := own.Err != nil; broken != c.signed {
			t.Errorf("%s: a second field breaks the signature: %t", name, broken)
		}
	}
}

func TestUnsignedWithoutAKey(t *testing.T) {
	t.Parallel()
	s := startSink(t, nil)
	if r := open(t, configFor(s.port)).Send(t.Context(), messageTo("dana@example.com")); r.Verdict != mail.Delivered {
		t.Fatalf("%+v", r)
	}
	if raw := s.mails()[0].data; strings.Contains(raw, "DKIM-Signature") {
		t.Errorf("signed by nobody:\n%s", raw)
	}
	if name, record := (DKIM{}).Record(); name != "" || record != "" {
		t.Errorf("wants the record %q = %q", name, record)
	}
}

func TestParseDKIM(t *testing.T) {
	t.Parallel()
	const from = "Portal <portal@mail.harborpine.example>"
	good := pemOf(t, ed25519Key(t))
	block := pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey(t, 1024))}
	pkcs1 := string(pem.EncodeToMemory(&block))
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ domain, selector, key, record, says string }{
		"nothing set":             {},
		"the domain of SMTP_FROM": {"", "k1", good, "k1._domainkey.mail.harborpine.example", ""},
		"the organization's":      {"HarborPine.example", "k1", good, "k1._domainkey.harborpine.example", ""},
		"a sibling":               {"news.harborpine.example", "a.b_1", good, "a.b_1._domainkey.news.harborpine.example", ""},
		"RSA in PKCS 1":           {"", "k1", pkcs1, "k1._domainkey.mail.harborpine.example", ""},
		"lines written as \\n": {"", "k1", strings.ReplaceAll(good, "\n", `\n`), "k1._domainkey.mail.harborpine.example",
			""},
		"somebody else's domain": {"oak.example", "k1", good, "",
			"SMTP_DKIM_DOMAIN: oak.example does not belong to the domain in SMTP_FROM, mail.harborpine.example"},
		"not a domain":        {"a b\r\nX: y", "k1", good, "", "SMTP_DKIM_DOMAIN: \"a b\\r\\nx: y\" is not a domain"},
		"no selector":         {"", "", good, "", "SMTP_DKIM_SELECTOR: \"\" is not"},
		"a selector and more": {"", "k1; x=1", good, "", "SMTP_DKIM_SELECTOR: \"k1; x=1\" is not"},
		"no key":              {"", "k1", "", "", "SMTP_DKIM_KEY: missing"},
		"not PEM":             {"", "k1", "s3cret", "", "SMTP_DKIM_KEY: not an RSA or Ed25519 private key in PEM"},
		"broken PEM": {"", "k1", strings.Replace(good, "MC4", "MD4", 1), "",
			"SMTP_DKIM_KEY: not an RSA or Ed25519 private key in PEM"},
		"another kind of key": {"", "k1", pemOf(t, other), "", "SMTP_DKIM_KEY: not an RSA or Ed25519 private key in PEM"},
		"encrypted": {"", "k1", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4=\n-----END ENCRYPTED PRIVATE KEY-----\n", "",
			"SMTP_DKIM_KEY: is encrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := ParseDKIM(c.domain, c.selector, c.key, from)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := d.Record(); got != c.record {
					t.Errorf("the record is %q, want %q", got, c.record)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "MC4")) {
				t.Errorf("the error repeats the key: %v", err)
			}
		})
	}
}

func TestParseDKIMSaysEverything(t *testing.T) {
	t.Parallel()
	_, err := ParseDKIM("oak.example", "", "", "portal@harborpine.example")
	for _, name := range []string{"SMTP_DKIM_DOMAIN", "SMTP_DKIM_SELECTOR", "SMTP_DKIM_KEY"} {
		if err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("the error leaves out %s: %v", name, err)
		}
	}
}
