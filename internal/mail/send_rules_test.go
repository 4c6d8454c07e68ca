package mail

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	const ours, theirs = true, false
	for _, c := range []struct {
		why      string
		stage    Stage
		code     int
		enhanced string
		local    bool
		want     Verdict
	}{
		{"the mail cannot be built", StageMessage, 0, "", ours, Refused},
		{"nobody answers", StageConnect, 0, "", theirs, Retry},
		{"the greeting turns us away", StageConnect, 554, "5.7.1", theirs, Misconfigured},
		{"too many connections", StageConnect, 421, "4.7.0", theirs, Throttled},
		{"certificate not trusted, STARTTLS missing", StageTLS, 0, "", ours, Misconfigured},
		{"lost in the handshake", StageTLS, 0, "", theirs, Retry},
		{"TLS not available for now", StageTLS, 454, "4.7.0", theirs, Throttled},
		{"no way to log in", StageAuth, 0, "", ours, Misconfigured},
		{"wrong password", StageAuth, 535, "5.7.8", theirs, Misconfigured},
		{"login server away", StageAuth, 454, "4.7.0", theirs, Throttled},
		{"sender refused", StageMail, 550, "5.7.1", theirs, Misconfigured},
		{"sender refused for now", StageMail, 451, "4.1.8", theirs, Retry},
		{"login required, said at MAIL", StageMail, 530, "5.7.0", theirs, Misconfigured},
		{"no such mailbox", StageRcpt, 550, "5.1.1", theirs, Refused},
		{"mailbox full", StageRcpt, 552, "5.2.2", theirs, Refused},
		{"greylisted", StageRcpt, 451, "4.7.1", theirs, Retry},
		{"mailbox busy or over its rate", StageRcpt, 450, "4.2.1", theirs, Throttled},
		{"no storage", StageRcpt, 452, "4.3.1", theirs, Retry},
		{"login required, said at RCPT", StageRcpt, 530, "5.7.0", theirs, Misconfigured},
		{"sender's domain unknown, said at RCPT", StageRcpt, 550, "5.1.8", theirs, Misconfigured},
		{"the address cannot be written for this server", StageRcpt, 0, "", ours, Refused},
		{"lost before the final dot", StageData, 0, "", theirs, Retry},
		{"no valid recipients", StageData, 554, "5.5.1", theirs, Refused},
		{"a reply that is no reply to DATA", StageData, 250, "", theirs, Retry},
		{"content refused", StageBody, 554, "5.7.1", theirs, Refused},
		{"content deferred", StageBody, 451, "4.3.0", theirs, Retry},
		{"sending too fast", StageBody, 454, "", theirs, Throttled},
		{"closing instead of taking it", StageBody, 421, "4.3.2", theirs, Throttled},
		{"lost after the final dot", StageBody, 0, "", theirs, Unknown},
		{"a reply that is no reply to the final dot", StageBody, 354, "", theirs, Unknown},
	} {
		if got := classify(c.stage, c.code, c.enhanced, "", c.local); got != c.want {
			t.Errorf("%s (%s %d %s): %s, want %s", c.why, c.stage, c.code, c.enhanced, got, c.want)
		}
	}
}

// What servers really say. Where the code alone does not tell whom it is about, the words do.
func TestRefusalsInTheWild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stage Stage
		code  int
		words string
		want  Verdict
		gone  bool
	}{
		{StageRcpt, 550, "5.1.1 <x@a.example>: Recipient address rejected: User unknown in local recipient table", Refused, true},
		{StageRcpt, 550, "5.1.1 The email account that you tried to reach does not exist.", Refused, true},
		{StageRcpt, 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", Refused, true},
		{StageRcpt, 550, "5.2.1 The email account that you tried to reach is inactive.", Refused, true},
		{StageRcpt, 550, "No such user here", Refused, true},
		{StageRcpt, 551, "User not local; please try <y@b.example>", Refused, true},
		{StageRcpt, 551, "5.1.6 Recipient has moved", Refused, true},
		{StageRcpt, 553, "sorry, no mailbox here by that name", Refused, true},
		{StageRcpt, 556, "5.1.10 <x@a.example>: domain takes no mail (nullMX)", Refused, true},
		{StageRcpt, 501, "5.1.3 Bad recipient address syntax", Refused, true},
		{StageBody, 550, "5.1.1 no such user", Refused, true},
		{StageRcpt, 550, "5.0.0 unknown user", Refused, true},
		{StageBody, 550, "message looks like spam", Refused, false},
		{StageRcpt, 552, "5.2.2 Mailbox full", Refused, false},
		{StageBody, 552, "5.3.4 Message size exceeds fixed limit", Refused, false},
		{StageBody, 554, "5.7.1 Message content rejected", Refused, false},
		{StageRcpt, 550, "5.7.1 you are not on the list of those who may write to this group", Refused, false},
		{StageRcpt, 550, "5.4.4 Host or domain name not found", Refused, false},
		{StageRcpt, 550, "5.1.0 Address rejected", Refused, false}, // it does not say whose
		{StageRcpt, 554, "5.7.1 <x@a.example>: Relay access denied", Misconfigured, false},
		{StageRcpt, 550, "relay not permitted", Misconfigured, false},
		{StageRcpt, 550, "5.7.1 Unable to relay", Misconfigured, false},
		{StageRcpt, 550, "5.7.1 <x@a.example>... Relaying denied", Misconfigured, false},
		{StageRcpt, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Misconfigured, false},
		{StageRcpt, 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using lists.example", Misconfigured, false},
		{StageRcpt, 553, "5.7.1 <p@firm.example>: Sender address rejected: not owned by user", Misconfigured, false},
		{StageRcpt, 550, "Authentication is required for relay", Misconfigured, false},
		{StageRcpt, 503, "5.5.4 Error: send AUTH command first", Misconfigured, false},
		{StageBody, 550, "5.7.26 Unauthenticated email from firm.example is not accepted due to domain's DMARC policy", Misconfigured, false},
		{StageBody, 550, "5.7.25 The IP address sending this message does not have a PTR record", Misconfigured, false},
		{StageConnect, 521, "5.3.2 takes no mail", Misconfigured, false},
	} {
		enhanced, said := splitEnhanced(c.words)
		got := classify(c.stage, c.code, enhanced, said, false)
		if gone := NoMailbox(got, c.stage, c.code, enhanced); got != c.want || gone != c.gone {
			t.Errorf("%s %d %s: %s, gone %v; want %s, %v", c.stage, c.code, c.words, got, gone, c.want, c.gone)
		}
	}
}

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
		"<dana.wu@example.com>: no such user":                       "<d•••@example.com>: no such user",
		"to=dana@example.com,josé@example.com":                      "to=d•••@example.com,j•••@example.com",
		"user AKIA1234 pass hunter2hunter2":                         "user ••• pass •••",
		"listed, see https://lists.example/q?ip=1":                  "listed, see https://lists.example/…",
		"blocked URL HTTPS://portal.example/invite/k1.SECRET found": "blocked URL HTTPS://portal.example/… found",
		"blocked portal.example/invite/k1.SECRET":                   "blocked portal.example/invite/…",
		"see http://www.openspf.org/Why?id=dana@example.com":        "see http://www.openspf.org/…",
		"two\r\nlines\x00 and\tblanks":                              "two lines and blanks",
		"dial tcp 127.0.0.1:25: connect: connection refused":        "dial tcp 127.0.0.1:25: connect: connection refused",
		"\xff not UTF-8": "\ufffd not UTF-8",
		`"Dana Wu"@example.com and dana@[192.0.2.1]`:                           `"Dana W•••@example.com and d•••@[192.0.2.1]`,
		"mailto:dana@example.com <user=dana.wu@example.com> (x@y.example) a@b": "mailto:d•••@example.com <user=d•••@example.com> (x•••@y.example) a•••@b",
	} {
		if got := cfg.speakable(words); got != want {
			t.Errorf("speakable(%q)\n got %q\nwant %q", words, got, want)
		}
	}
	if n := utf8.RuneCountInString(cfg.speakable(strings.Repeat("é ", 500))); n > maxSaid {
		t.Errorf("%d characters kept, want at most %d", n, maxSaid)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		says   string // "" means valid
	}{
		"complete":                      {func(*Config) {}, ""},
		"an address alone":              {func(c *Config) { c.From = "invites@firm.example" }, ""},
		"IPv6":                          {func(c *Config) { c.Host = "2001:db8::1" }, ""},
		"no host":                       {func(c *Config) { c.Host = "" }, "SMTP_HOST: empty; for example smtp.example.com"},
		"host with port":                {func(c *Config) { c.Host = "smtp.example.com:587" }, "SMTP_HOST: \"smtp.example.com:587\" has a colon"},
		"host as URL":                   {func(c *Config) { c.Host = "smtp://smtp.example.com" }, "SMTP_HOST: \"smtp://smtp.example.com\" is not a host name"},
		"no port":                       {func(c *Config) { c.Port = 0 }, "SMTP_PORT: 0 is not a port from 1 to 65535; for example 587"},
		"port too high":                 {func(c *Config) { c.Port = 65536 }, "SMTP_PORT: 65536"},
		"no sender":                     {func(c *Config) { c.From = "" }, "SMTP_FROM: empty; for example"},
		"sender without an address":     {func(c *Config) { c.From = "Client portal" }, "SMTP_FROM: not an email address; for example"},
		"two senders":                   {func(c *Config) { c.From = "a@b.example, c@d.example" }, "SMTP_FROM"},
		"international sender":          {func(c *Config) { c.From = "a@bücher.example" }, "SMTP_FROM: the address must be in ASCII"},
		"unknown policy":                {func(c *Config) { c.TLS = "yes" }, `SMTP_TLS: "yes" is not one of mandatory`},
		"password missing":              {func(c *Config) { c.Password = "" }, "SMTP_PASSWORD: empty"},
		"user name missing":             {func(c *Config) { c.Username = "" }, "SMTP_USERNAME: empty"},
		"password in the clear":         {func(c *Config) { c.TLS = TLSNone }, "SMTP_TLS: none would send SMTP_PASSWORD in the clear"},
		"password within this machine":  {func(c *Config) { c.TLS, c.Host = TLSNone, "127.0.0.1" }, ""},
		"a hello that is no name":       {func(c *Config) { c.HelloName = "a\r\nMAIL" }, "hello name"},
		"a time before the beginning":   {func(c *Config) { c.Timeouts.Reply = -1 }, "timeouts"},
		"policy left out means the top": {func(c *Config) { c.TLS = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Host: "smtp.example.com", Port: 587, Username: "user", Password: "hunter2hunter2", From: "Portal <invites@firm.example>", TLS: TLSMandatory}
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
	for text, want := range map[string]TLSPolicy{"": TLSMandatory, "mandatory": TLSMandatory, "opportunistic": TLSOpportunistic, "none": TLSNone} {
		if got, err := ParseTLSPolicy(text); got != want || err != nil {
			t.Errorf("ParseTLSPolicy(%q) = %s, %v", text, got, err)
		}
	}
	if _, err := ParseTLSPolicy("None"); err == nil || !strings.Contains(err.Error(), "SMTP_TLS") {
		t.Errorf("ParseTLSPolicy(None): %v", err)
	}
}
