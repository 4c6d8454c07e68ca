package smtp

import (
	"net/textproto"
	"strings"
	"testing"
	"unicode/utf8"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	const ours, theirs = true, false
	for _, c := range []struct {
		why      string
		step     mail.Step
		code     int
		enhanced string
		local    bool
		want     mail.Verdict
	}{
		{"the mail cannot be built", mail.StepMessage, 0, "", ours, mail.Refused},
		{"no server answers", mail.StepConnect, 0, "", theirs, mail.Retry},
		{"the greeting turns us away", mail.StepConnect, 554, "5.7.1", theirs, mail.Misconfigured},
		{"too many connections", mail.StepConnect, 421, "4.7.0", theirs, mail.Throttled},
		{"certificate not trusted, STARTTLS missing", mail.StepTLS, 0, "", ours, mail.Misconfigured},
		{"lost in the handshake", mail.StepTLS, 0, "", theirs, mail.Retry},
		{"TLS not available for now", mail.StepTLS, 454, "4.7.0", theirs, mail.Throttled},
		{"no way to log in", mail.StepAuth, 0, "", ours, mail.Misconfigured},
		{"wrong password", mail.StepAuth, 535, "5.7.8", theirs, mail.Misconfigured},
		{"login server unavailable", mail.StepAuth, 454, "4.7.0", theirs, mail.Throttled},
		{"sender refused", mail.StepMail, 550, "5.7.1", theirs, mail.Misconfigured},
		{"sender refused for now", mail.StepMail, 451, "4.1.8", theirs, mail.Retry},
		{"login required, said at MAIL", mail.StepMail, 530, "5.7.0", theirs, mail.Misconfigured},
		{"no such mailbox", mail.StepRcpt, 550, "5.1.1", theirs, mail.Refused},
		{"mailbox full", mail.StepRcpt, 552, "5.2.2", theirs, mail.Refused},
		{"greylisted", mail.StepRcpt, 451, "4.7.1", theirs, mail.Retry},
		{"mailbox busy or over its rate", mail.StepRcpt, 450, "4.2.1", theirs, mail.Throttled},
		{"no storage", mail.StepRcpt, 452, "4.3.1", theirs, mail.Retry},
		{"login required, said at RCPT", mail.StepRcpt, 530, "5.7.0", theirs, mail.Misconfigured},
		{"sender's domain unknown, said at RCPT", mail.StepRcpt, 550, "5.1.8", theirs, mail.Misconfigured},
		{"the address cannot be written for this server", mail.StepRcpt, 0, "", ours, mail.Refused},
		{"lost before the final dot", mail.StepData, 0, "", theirs, mail.Retry},
		{"no valid recipients", mail.StepData, 554, "5.5.1", theirs, mail.Unclear},
		{"a reply that is no reply to DATA", mail.StepData, 250, "", theirs, mail.Retry},
		{"content refused", mail.StepBody, 554, "5.7.1", theirs, mail.Unclear},
		{"nothing is said", mail.StepRcpt, 550, "", theirs, mail.Unclear},
		{"content deferred", mail.StepBody, 451, "4.3.0", theirs, mail.Retry},
		{"sending too fast", mail.StepBody, 454, "", theirs, mail.Throttled},
		{"closing instead of taking it", mail.StepBody, 421, "4.3.2", theirs, mail.Throttled},
		{"lost after the final dot", mail.StepBody, 0, "", theirs, mail.Unknown},
		{"a reply that is no reply to the final dot", mail.StepBody, 354, "", theirs, mail.Unknown},
	} {
		if got, _ := classify(c.step, mail.Reply{Code: c.code, Enhanced: c.enhanced}, c.local); got != c.want {
			t.Errorf("%s (%s %d %s): %s, want %s", c.why, c.step, c.code, c.enhanced, got, c.want)
		}
	}
}

// Replies of real servers. Whatever is not clearly about the mailbox suppresses nothing.
func TestRefusalsInTheWild(t *testing.T) {
	t.Parallel()
	refusals := mailtest.Refusals(t)
	if len(refusals) < 120 {
		t.Errorf("only %d replies", len(refusals))
	}
	for _, f := range refusals {
		code, words := f.Split(t)
		for _, step := range []mail.Step{mail.StepRcpt, mail.StepData, mail.StepBody} {
			r := (&conn{}).result(t.Context(), "", at(step, &textproto.Error{Code: code, Msg: words}))
			got := string(r.Verdict)
			if r.NoMailbox {
				got = "suppressed"
			}
			if got != f.InConversation {
				t.Errorf("%s at %s: %s\n got %s, want %s (enhanced %q)", f.Server, step, f.Reply, got, f.InConversation,
					r.Enhanced)
			}
			if (r.Mend != "") != (got == "misconfigured" || got == "throttled" && f.InReport == "over_limit") {
				t.Errorf("%s: %s\n what to mend is %q", f.Server, f.Reply, r.Mend)
			}
		}
		if r := (&conn{}).result(t.Context(), "", at(mail.StepMail, &textproto.Error{Code: code, Msg: words})); r.NoMailbox ||
			r.Verdict != mail.Misconfigured && r.Verdict != mail.Throttled {
			t.Errorf("%s at MAIL: %s: %s, suppresses %v", f.Server, f.Reply, r.Verdict, r.NoMailbox)
		}
	}
}

// A server that puts a refusal off says the same in 4xx.
func TestDeferralsInTheWild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code  int
		words string
		want  mail.Verdict
		mend  string
	}{
		{454, "4.7.1 <x@a.example>: Relay access denied", mail.Misconfigured, mendsLogin},
		{450, "4.7.1 <vm>: Helo command rejected: Host not found", mail.Misconfigured, "SMTP_HELLO"},
		{451, "4.7.1 You have exceeded your hourly sending limit", mail.Throttled, "SMTP_RATE"},
		{454, "Throttling failure: Maximum sending rate exceeded", mail.Throttled, "SMTP_RATE"},
		{450, "4.2.1 The user you are trying to contact is receiving mail too quickly", mail.Throttled, ""},
		{451, "4.7.1 Greylisting in action, please come back later", mail.Retry, ""},
		{450, "4.7.1 Client host rejected: Greylisted", mail.Throttled, ""},
		{452, "4.2.2 The email account that you tried to reach is over quota", mail.Retry, ""},
		{450, "4.1.1 <x@a.example>: Recipient address rejected: User unknown", mail.Throttled, ""},
		{421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", mail.Throttled, ""},
	} {
		r := (&conn{}).result(t.Context(), "", at(mail.StepRcpt, &textproto.Error{Code: c.code, Msg: c.words}))
		if r.Verdict != c.want || r.NoMailbox || c.mend == "" && r.Mend != "" || !strings.Contains(r.Mend, c.mend) {
			t.Errorf("%d %s: %s, mend %q", c.code, c.words, r.Verdict, r.Mend)
		}
	}
}

const mendsLogin = "SMTP_USERNAME"

func TestSplitEnhanced(t *testing.T) {
	t.Parallel()
	for words, want := range map[string][2]string{
		"5.1.1 no such user":                {"5.1.1", "no such user"},
		"5.1.1 no such user.\n5.1.1 Really": {"5.1.1", "no such user.\nReally"},
		"4.7.650":                           {"4.7.650", ""},
		"no such user at 5.1.1":             {"", "no such user at 5.1.1"},
		"15.1.1 x":                          {"", "15.1.1 x"},
		"":                                  {"", ""},
	} {
		if enhanced, rest := splitEnhanced(words); enhanced != want[0] || rest != want[1] {
			t.Errorf("splitEnhanced(%q) = %q, %q", words, enhanced, rest)
		}
	}
}

func TestSpeakable(t *testing.T) {
	t.Parallel()
	cfg := Config{Username: "AKIA1234", Password: "hunter2hunter2"}
	for words, want := range map[string]string{
		"<dana.wu@example.com>: no such user":                           "<d•••@example.com>: no such user",
		"to=dana@example.com,josé@example.com":                          "to=d•••@example.com,j•••@example.com",
		"user AKIA1234 pass hunter2hunter2":                             "user ••• pass •••",
		"listed, see https://lists.example/q?ip=1":                      "listed, see https://lists.example/…",
		"blocked URL HTTPS://portal.example/invite/k1.SECRET found":     "blocked URL HTTPS://portal.example/… found",
		"blocked portal.example/invite/k1.SECRET":                       "blocked portal.example/invite/…",
		"see http://www.openspf.org/Why?id=dana@example.com":            "see http://www.openspf.org/…",
		"spam: k1.AZLzoXxVfRGbLk9qXB0uPwN0rbuqm5wYjunoW4_5poT5 in body": "spam: … in body",
		"500 unrecognized: AEFLSUExMjM0AGh1bnRlcjJodW50ZXIy":            "500 unrecognized: •••",
		"AUTH PLAIN AEFLSUExMjM0AGh1bnRlcjJodW50":                       "AUTH PLAIN •••",
		"334 QUtJQTEyMzQ= aHVudGVyMmh1bnRlcjI=":                         "334 ••• •••",
		"XOAUTH2 dXNlcj14AWF1dGg9QmVhcmVyIHlhMjkuYQEB":                  "XOAUTH2 •••",
		"invalid token: Bearer ya29.a0AfH6SMB":                          "invalid token: Bearer •••",
		"id 20260105.ABCDEFGH and mail-wr1-f41.google.com":              "id 20260105.ABCDEFGH and mail-wr1-f41.google.com",
		"two\r\nlines\x00 and\tblanks":                                  "two lines and blanks",
		"dial tcp 127.0.0.1:25: connect: connection refused":            "dial tcp 127.0.0.1:25: connect: connection refused",
		"\xff not UTF-8": "\ufffd not UTF-8",
		`"Dana Wu"@example.com and dana@[192.0.2.1]`: `"Dana W•••@example.com and d•••@[192.0.2.1]`,
		"mailto:dana@example.com <user=dana.wu@example.com> (x@y.example) a@b": "mailto:d•••@example.com " +
			"<user=d•••@example.com> (x•••@y.example) a•••@b",
	} {
		if got := cfg.speakable(words); got != want {
			t.Errorf("speakable(%q)\n got %q\nwant %q", words, got, want)
		}
	}
	if n := utf8.RuneCountInString(cfg.speakable(strings.Repeat("é ", 500))); n > 200 {
		t.Errorf("%d characters kept, want at most %d", n, 200)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		says   string // "" means valid
	}{
		"complete":         {func(*Config) {}, ""},
		"an address alone": {func(c *Config) { c.From = "invites@firm.example" }, ""},
		"IPv6":             {func(c *Config) { c.Host = "2001:db8::1" }, ""},
		"no host":          {func(c *Config) { c.Host = "" }, "SMTP_HOST: empty; for example smtp.example.com"},
		"host with port": {func(c *Config) { c.Host = "smtp.example.com:587" },
			"SMTP_HOST: \"smtp.example.com:587\" has a colon"},
		"host as URL": {func(c *Config) { c.Host = "smtp://smtp.example.com" },
			"SMTP_HOST: \"smtp://smtp.example.com\" is not a host name"},
		"no port": {func(c *Config) { c.Port = 0 },
			"SMTP_PORT: 0 is not a port from 1 to 65535; for example 587"},
		"port too high": {func(c *Config) { c.Port = 65536 }, "SMTP_PORT: 65536"},
		"no sender":     {func(c *Config) { c.From = "" }, "SMTP_FROM: empty; for example"},
		"sender without an address": {func(c *Config) { c.From = "Client portal" },
			"SMTP_FROM: not an email address; for example"},
		"two senders": {func(c *Config) { c.From = "a@b.example, c@d.example" }, "SMTP_FROM"},
		"international sender": {func(c *Config) { c.From = "a@bücher.example" },
			"SMTP_FROM: the address must be in ASCII"},
		"unknown policy":    {func(c *Config) { c.TLS = "yes" }, `SMTP_TLS: "yes" is not one of mandatory`},
		"password missing":  {func(c *Config) { c.Password = "" }, "SMTP_PASSWORD: empty"},
		"user name missing": {func(c *Config) { c.Username = "" }, "SMTP_USERNAME: empty"},
		"password in the clear": {func(c *Config) { c.TLS = TLSNone },
			"SMTP_TLS: none would send SMTP_PASSWORD in the clear"},
		"password within this machine":  {func(c *Config) { c.TLS, c.Host = TLSNone, "127.0.0.1" }, ""},
		"a hello that is no name":       {func(c *Config) { c.HelloName = "a\r\nMAIL" }, "SMTP_HELLO"},
		"a time before the beginning":   {func(c *Config) { c.Timeouts.Reply = -1 }, "timeouts"},
		"policy left out means the top": {func(c *Config) { c.TLS = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{
				Host: "smtp.example.com", Port: 587, Username: "user", Password: "hunter2hunter2",
				From: "Portal <invites@firm.example>", TLS: TLSMandatory,
			}
			c.change(&cfg)
			err := cfg.Validate()
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestParseTLSPolicy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]TLSPolicy{"": TLSMandatory, "mandatory": TLSMandatory,
		"opportunistic": TLSOpportunistic, "none": TLSNone} {
		if got, err := ParseTLSPolicy(text); got != want || err != nil {
			t.Errorf("ParseTLSPolicy(%q) = %s, %v", text, got, err)
		}
	}
	if _, err := ParseTLSPolicy("None"); err == nil || !strings.Contains(err.Error(), "SMTP_TLS") {
		t.Errorf("ParseTLSPolicy(None): %v", err)
	}
}
