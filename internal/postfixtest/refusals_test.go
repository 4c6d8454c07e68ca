package postfixtest

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
)

// What Postfix itself says when we may not use it, and when a mailbox is missing: a refusal about us must not be taken
// for one about the client.
func TestRefusalsOfPostfix(t *testing.T) {
	t.Parallel()
	const good = "dana@" + goodDomain
	for name, c := range map[string]struct {
		config    []string
		hello, to string
		want      mail.Verdict
		mends     string // what the operator is told to look at
		gone      bool
	}{
		"the login is forgotten": {
			config: []string{"mynetworks =", "smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination",
				"smtpd_recipient_restrictions = permit"},
			to: "dana@clients.example", want: mail.Misconfigured, mends: "SMTP_USERNAME",
		},
		"no such user in the relay recipient table": {
			config: []string{"relay_domains = clients.example", "relay_recipient_maps = inline:{lee@clients.example=x}"},
			to:     "dana@clients.example", want: mail.Refused, gone: true,
		},
		"an hourly limit": {to: "dana@" + limitedDomain, want: mail.Throttled, mends: "SMTP_RATE"},
		"a short name in EHLO": {
			config: []string{"smtpd_helo_required = yes", "smtpd_helo_restrictions = reject_non_fqdn_helo_hostname"},
			hello:  "vm", to: good, want: mail.Misconfigured, mends: "SMTP_HELLO",
		},
		"the name that we give without a setting": {
			config: []string{"smtpd_helo_required = yes", "smtpd_helo_restrictions = reject_non_fqdn_helo_hostname"},
			to:     good, want: mail.Delivered,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPostfix(t, []string{good}, c.config...)
			host, port, err := net.SplitHostPort(p.addr)
			p.must(err)
			number, err := strconv.Atoi(port)
			p.must(err)
			pool := smtp.NewPool(smtp.Config{
				Host: host, Port: number, From: "Portal <" + sender + ">", RootCAs: p.roots, HelloName: c.hello,
			})
			defer pool.Close()
			r := pool.Send(t.Context(), mail.Message{
				MessageID: "1@mail.portal.example", FromName: "Acme CPA", To: c.to,
				Content: mail.Content{Subject: "Your portal", Text: "Hello", HTML: "<p>Hello</p>"},
			})
			if r.Verdict != c.want || r.NoMailbox != c.gone || (c.mends == "") != (r.Mend == "") ||
				!strings.Contains(r.Mend, c.mends) {
				t.Errorf("%+v", r)
			}
		})
	}
}
