package smtp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

// Old servers write their mechanisms after "AUTH=" or in lower case, prompt in plain words, and take no initial
// response. We log in all the same. A response is a line of base64, which the scripted server takes for a verb.
func TestLoginAtOldServers(t *testing.T) {
	t.Parallel()
	user, secret := base64.StdEncoding.EncodeToString([]byte("user")), base64.StdEncoding.EncodeToString([]byte("secret"))
	both := base64.StdEncoding.EncodeToString([]byte("\x00user\x00secret"))
	for name, c := range map[string]struct {
		play mailtest.Script
		want string // what the server hears of the login
	}{
		"AUTH=LOGIN": {mailtest.Script{"EHLO": "250-old.example\r\n250 AUTH=LOGIN", "AUTH": "334 VXNlcm5hbWU6",
			user: "334 UGFzc3dvcmQ6", secret: "235 ok"}, "AUTH " + user + " " + secret},
		"lower case": {mailtest.Script{"EHLO": "250-old.example\r\n250-auth login\r\n250 8bitmime", "AUTH": "334 x",
			user: "334 x", secret: "235 ok"}, "AUTH " + user + " " + secret},
		"prompts without base64": {mailtest.Script{"EHLO": "250-old.example\r\n250 AUTH LOGIN",
			"AUTH": "334 Username:", user: "334 Password:", secret: "235"}, "AUTH " + user + " " + secret},
		"a prompt in place of the initial response": {mailtest.Script{"EHLO": "250-old.example\r\n250 AUTH=PLAIN",
			"AUTH": "334", both: "235 ok"}, "AUTH " + both},
	} {
		s := mailtest.Start(t, c.play)
		cfg := configFor(s.Port)
		cfg.Username, cfg.Password = "user", "secret"
		if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered ||
			!strings.HasPrefix(s.Verbs(), "connect EHLO "+c.want+" MAIL") {
			t.Errorf("%s: %+v; heard %s", name, r, s.Verbs())
		}
	}
	offer := "250-old.example\r\n250 AUTH LOGIN"
	s := mailtest.Start(t, mailtest.Script{"EHLO": offer, "AUTH": "334", user: "535 5.7.8 no"})
	cfg := configFor(s.Port)
	cfg.Username, cfg.Password = "user", "secret"
	if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Misconfigured ||
		r.Step != mail.StepAuth || r.Code != 535 {
		t.Errorf("a refused login: %+v", r)
	}
}

// The token is asked for at each login. If the server does not take it, the lane stops as with a wrong password.
func TestLoginByToken(t *testing.T) {
	t.Parallel()
	offer := "250-scripted.example\r\n250 AUTH PLAIN XOAUTH2"
	s := mailtest.Start(t, mailtest.Script{"EHLO": offer, ".": "250 ok+" + mailtest.Drop})
	cfg := configFor(s.Port)
	var asked atomic.Int32
	cfg.Username, cfg.Token = "p@firm.example", func(context.Context) (string, error) { asked.Add(1); return "t0ken", nil }
	p := open(t, cfg)
	for range 2 {
		if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
			t.Errorf("%+v; heard %s", r, s.Verbs())
		}
	}
	if asked.Load() != 2 {
		t.Errorf("the token was asked for %d times, want once for each connection", asked.Load())
	}
	s = mailtest.Start(t, mailtest.Script{"EHLO": offer, "AUTH": "334 eyJzdGF0dXMiOiI0MDAifQ==", "": "535 5.7.8 expired"})
	cfg.Port = s.Port
	if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Misconfigured || r.Code != 535 {
		t.Errorf("an expired token: %+v; heard %s", r, s.Verbs())
	}
	cfg.Token = func(context.Context) (string, error) { return "", errors.New("SMTP_OAUTH_TOKEN_FILE: gone") }
	if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Misconfigured ||
		r.Step != mail.StepAuth || !strings.Contains(r.Said, "SMTP_OAUTH_TOKEN_FILE: gone") {
		t.Errorf("no token: %+v", r)
	}
}

// A server that asks for a client's certificate gets it.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	cert, cas := mailtest.TLS(t)
	strict := cert.Clone()
	strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, cas
	s := mailtest.StartTLS(t, strict, mailtest.Script{"EHLO": "250-scripted.example\r\n250 STARTTLS"})
	cfg := configFor(s.Port)
	cfg.TLS, cfg.RootCAs = TLSMandatory, cas
	if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict == mail.Delivered {
		t.Errorf("without a certificate: %+v", r)
	}
	cfg.Certificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert.Certificates[0], nil }
	if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
		t.Errorf("with a certificate: %+v", r)
	}
}

// A name without a dot is no name that servers accept.
func TestHelloName(t *testing.T) {
	t.Parallel()
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(own, ".") {
		own = "mail.firm.example"
	}
	for _, c := range []struct{ hello, from, want string }{
		{"worker.example", "p@mail.firm.example", "worker.example"},
		{"", "Portal <p@mail.firm.example>", own},
	} {
		if got := helloName(Config{HelloName: c.hello, From: c.from}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
