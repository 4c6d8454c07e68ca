package postfixtest

import (
	"fmt"
	"os"
	"testing"

	"portal-invites/internal/events"
)

// A mail server refuses everybody because of us. Nobody fails, and nobody is suppressed. When the operator has mended
// the cause, everybody gets their mail, and nobody a second one.
func TestEveryClientIsRightAfterAFaultIsMended(t *testing.T) {
	t.Parallel()
	if os.Getenv(mailsVariable) == "" {
		t.Skip("NOT RUN: needs a Postfix. `make postfix-test` installs one and runs this")
	}
	const clients = 30
	for name, c := range map[string]struct {
		config            []string
		helloName, domain string
	}{
		"the login is forgotten": {
			config: []string{"mynetworks =", "smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination",
				"smtpd_recipient_restrictions = permit", "virtual_mailbox_domains = mail.portal.example"},
			domain: goodDomain,
		},
		"an hourly limit": {domain: limitedDomain},
		"a short name in EHLO": {
			config:    []string{"smtpd_helo_required = yes", "smtpd_helo_restrictions = reject_non_fqdn_helo_hostname"},
			helloName: "vm", domain: goodDomain,
		},
		"a sender that is refused": {
			config: []string{"smtpd_sender_restrictions = reject"}, domain: goodDomain,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, mailboxes := make([]person, clients), []string{sender}
			for i := range all {
				all[i] = person{id: fmt.Sprintf("P-%05d", i), fate: arrives, email: fmt.Sprintf("p%05d@%s", i, c.domain)}
				mailboxes = append(mailboxes, all[i].email)
			}
			hello := c.helloName
			if hello == "" {
				hello = ourHelloName
			}
			s := newSceneWith(t, mailboxes, hello, c.config...)
			run := s.inviteAll(all)
			s.Handled(events.BulkDurable)
			s.await(map[string]int{
				`SELECT count(*) FROM invites WHERE state = 'queued' AND run_id IS NOT NULL`:              clients,
				`SELECT least(1, count(*)) FROM attempts WHERE verdict IN ('misconfigured', 'throttled')`: 1,
			})
			s.noneIsBlamed()
			if s.post.mend(); c.domain == limitedDomain {
				s.post.policy.lift()
			}
			s.due()
			s.awaitRun(run, events.RunCompleted, sums{clients, clients, 0})
			s.noneIsBlamed()
			s.waitDelivered(clients)
			s.outcomesEqualMailboxes(all, run, sums{clients, clients, 0})
		})
	}
}

// Two of thirty clients are not in a relay's table of recipients. They fail, and the others get their mail.
func TestARelayKnowsItsRecipients(t *testing.T) {
	t.Parallel()
	if os.Getenv(mailsVariable) == "" {
		t.Skip("NOT RUN: needs a Postfix. `make postfix-test` installs one and runs this")
	}
	const clients, missing = 30, 2
	all, mailboxes, known := make([]person, clients), []string{sender}, ""
	for i := range all {
		all[i] = person{id: fmt.Sprintf("P-%05d", i), fate: arrives, email: fmt.Sprintf("p%05d@relayed.example", i)}
		if i < missing {
			all[i].fate = unknown
			continue
		}
		mailboxes = append(mailboxes, all[i].email)
		known += fmt.Sprintf(" {%s=x}", all[i].email)
	}
	s := newSceneWith(t, mailboxes, ourHelloName, "relay_domains = relayed.example", "relay_transport = virtual:",
		"relay_recipient_maps = inline:{"+known+" }")
	run := s.inviteAll(all)
	s.awaitRun(run, events.RunCompleted, sums{clients, clients - missing, missing})
	s.waitDelivered(clients - missing)
	newest := s.Newest()
	for _, p := range all {
		switch o := newest["C"+p.id+"/"+p.id]; p.fate {
		case unknown:
			if o.Type != events.InviteFailed || o.EnhancedCode != "5.1.1" {
				t.Errorf("%s: %s", p.id, o.Raw)
			}
		default:
			s.hasMail(p, o.MessageID)
		}
	}
	s.await(map[string]int{`SELECT count(*) FROM suppressions WHERE cause = 'bounce' AND NOT lifted`: missing})
}

// noneIsBlamed checks that nobody has failed, and that no address is suppressed.
func (s *scene) noneIsBlamed() {
	s.t.Helper()
	if failed, blocked := s.count(`SELECT count(*) FROM invites WHERE state = 'failed'`),
		s.count(`SELECT count(*) FROM suppressions`); failed+blocked > 0 {
		s.t.Errorf("%d have failed, and %d addresses are suppressed", failed, blocked)
	}
}
