package smtp

import (
	"maps"
	"strings"
	"testing"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

// A reply may be a code alone (RFC 5321, section 4.2), at every step and over several lines.
func TestAReplyMayBeACodeAlone(t *testing.T) {
	t.Parallel()
	alone := mailtest.Script{
		"greet": "220", "EHLO": "250-\r\n250", "EHLO/tls": "250-\r\n250-AUTH PLAIN\r\n250", "STARTTLS": "220", "AUTH": "235",
		"MAIL": "250", "RCPT": "250", "DATA": "354", ".": "250-\r\n250", "RSET": "250", "QUIT": "221",
	}
	encrypted := maps.Clone(alone)
	encrypted["EHLO"] = "250-\r\n250 STARTTLS"
	cert, cas := mailtest.TLS(t)
	for name, s := range map[string]*mailtest.Server{
		"in the clear": mailtest.Start(t, alone), "under TLS": mailtest.StartTLS(t, cert, encrypted),
	} {
		cfg := configFor(s.Port)
		if name == "under TLS" {
			cfg.TLS, cfg.RootCAs, cfg.Username, cfg.Password = TLSMandatory, cas, "user", "secret"
		}
		p := open(t, cfg)
		for range 2 {
			if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered || r.Code != 250 {
				t.Errorf("%s: %+v; heard %s", name, r, s.Verbs())
			}
		}
		if n := strings.Count(s.Verbs(), "connect"); n != 1 {
			t.Errorf("%s: %d connections: %s", name, n, s.Verbs())
		}
	}
	for verb, want := range map[string]mail.Verdict{
		"greet": mail.Misconfigured, "MAIL": mail.Misconfigured, "RCPT": mail.Unclear, "DATA": mail.Unclear,
		".": mail.Unclear,
	} {
		s := mailtest.Start(t, mailtest.Script{verb: "550"})
		r := open(t, configFor(s.Port)).Send(t.Context(), messageTo("a@example.com"))
		if r.Verdict != want || r.Code != 550 || r.NoMailbox {
			t.Errorf("550 alone at %s: %+v", verb, r)
		}
	}
}

// A reply with a line that is longer than any buffer is a reply. The code counts, and the beginning of the words.
func TestALongReplyIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(" and so on", 4000)
	for verb, c := range map[string]struct {
		reply string
		want  mail.Verdict
	}{
		"greet": {"220 scripted.example" + long, mail.Delivered},
		"EHLO":  {"250-scripted.example" + long + "\r\n250-X-WORDS" + long + "\r\n250 8BITMIME", mail.Delivered},
		"MAIL":  {"250 2.1.0 ok" + long, mail.Delivered},
		"RCPT":  {"550-5.1.1 no such user" + long + "\r\n550 5.1.1 really" + long, mail.Refused},
		"DATA":  {"354 go" + long, mail.Delivered},
		".":     {"250 2.0.0 queued as 42" + long, mail.Delivered},
	} {
		s := mailtest.Start(t, mailtest.Script{verb: c.reply})
		p := open(t, configFor(s.Port))
		for range 2 {
			if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != c.want || len([]rune(r.Said)) > 200 {
				t.Errorf("%s: %+v", verb, r)
			}
		}
		if n := strings.Count(s.Verbs(), "connect"); n != 1 {
			t.Errorf("%s: %d connections, want 1: %s", verb, n, s.Verbs())
		}
	}
}

// A server that refuses us may be mended meanwhile, and goes by its old configuration until a connection ends. So the
// next mail goes over a new one.
func TestAfterARefusalAboutUsTheNextMailHasANewConnection(t *testing.T) {
	t.Parallel()
	for reply, connections := range map[string]int{
		"554 5.7.1 <a@example.com>: Relay access denied":    3,
		"550 Administrative prohibition":                    3,
		"550 5.1.1 <a@example.com>: no such user":           1,
		"450 4.2.0 <a@example.com>: Greylisted, come later": 1,
	} {
		s := mailtest.Start(t, mailtest.Script{"RCPT": reply})
		p := open(t, configFor(s.Port))
		for range 3 {
			p.Send(t.Context(), messageTo("a@example.com"))
		}
		if n := strings.Count(s.Verbs(), "connect"); n != connections {
			t.Errorf("%s: %d connections, want %d: %s", reply, n, connections, s.Verbs())
		}
	}
}

// A server may take only so many mails on one connection, and refuse MAIL from then on. The mail goes over a new one.
func TestARefusedMailIsTriedOnANewConnection(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"452 4.5.3 Too many messages in this session", "421 4.7.0 Too many messages", "554 5.7.1 no more",
		"550 Too many messages in one connection",
	} {
		s := mailtest.Start(t, mailtest.Script{"MAIL after 2": reply})
		p := open(t, configFor(s.Port))
		for range 6 {
			if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
				t.Errorf("%s: %+v", reply, r)
			}
		}
		if n := strings.Count(s.Verbs(), "connect"); n != 3 {
			t.Errorf("%s: %d connections for 6 mails, want 3: %s", reply, n, s.Verbs())
		}
	}
	// It is tried once. A new connection on which MAIL is refused, too, decides.
	s := mailtest.Start(t, mailtest.Script{"MAIL after 1": "554 5.7.1 no"}, mailtest.Script{"MAIL": "554 5.7.1 no"})
	p := open(t, configFor(s.Port))
	p.Send(t.Context(), messageTo("a@example.com"))
	if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Misconfigured || r.Step != mail.StepMail ||
		strings.Count(s.Verbs(), "connect") != 2 {
		t.Errorf("%+v; heard %s", r, s.Verbs())
	}
}
