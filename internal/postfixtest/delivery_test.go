package postfixtest

import (
	"fmt"
	netmail "net/mail"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/bounce"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// mailsVariable sets how many mails the test sends. Without it, the test is skipped, so that `make test` needs no
// Postfix.
const mailsVariable = "POSTFIX_TEST_MAILS"

const patience = 15 * time.Minute

// person is a contact, with the expected result of their invite.
type person struct{ id, email, fate string }

// The fates: Postfix's answer, and the result of the invite.
const (
	arrives   = "arrives"    // sent, and in the mailbox
	comesBack = "comes back" // sent, and a delivery report follows
	waits     = "waits"      // deferred, and retried later
	rejected  = "rejected"   // refused for good by the policy
	unknown   = "unknown"    // refused for good, since there is no mailbox
)

// people gives each contact a fate: of twenty, fifteen arrive and two wait.
func people(n int) []person {
	list := make([]person, n)
	for i := range list {
		p := person{id: fmt.Sprintf("P-%05d", i), fate: arrives}
		domain := goodDomain
		switch i % 20 {
		case 3, 13:
			p.fate, domain = waits, slowDomain
		case 7:
			p.fate, domain = rejected, goneDomain
		case 11:
			p.fate, domain = unknown, goodDomain
		case 17:
			p.fate, domain = comesBack, laterDomain
		}
		p.email = fmt.Sprintf("p%05d@%s", i, domain)
		list[i] = p
	}
	return list
}

// TestPostfix sends invites of both lanes through a real mail server, and compares its mails with the pipeline's
// outcomes.
func TestPostfix(t *testing.T) {
	t.Parallel()
	n, err := strconv.Atoi(os.Getenv(mailsVariable))
	if err != nil || n < 20 {
		t.Skipf("NOT RUN: needs a Postfix. `make postfix-test` installs one and runs this; "+
			"or set %s to a number of mails, 20 or more", mailsVariable)
	}
	all := people(n)
	of := map[string]int{}
	mailboxes := []string{sender}
	for _, p := range all {
		of[p.fate]++
		if p.fate != unknown {
			mailboxes = append(mailboxes, p.email)
		}
	}
	s := newScene(t, mailboxes)
	began := time.Now()
	s.ask(all)

	sent, failed := of[arrives]+of[comesBack], of[rejected]+of[unknown]
	s.await(map[string]int{
		`SELECT count(*) FROM invites WHERE state = 'sent'`:   sent,
		`SELECT count(*) FROM invites WHERE state = 'failed'`: failed,
		`SELECT count(DISTINCT invite_id) FROM attempts JOIN invites USING (invite_id)
			WHERE state = 'queued' AND verdict = 'throttled' AND smtp_code = 450`: of[waits],
		`SELECT count(*) FROM suppressions WHERE cause = 'bounce' AND NOT lifted`: failed, // 5.1.1: there is no mailbox
		`SELECT count(*) FROM outbox`: 0,
	})
	t.Logf("%d invites in their states after %s: %d sent, %d failed, %d waiting",
		n, time.Since(began).Round(time.Second), sent, failed, of[waits])
	s.mailsEqualOutcomes(all, sent)
	s.reportsComeBack(of[comesBack])

	// The greylisting ends. The deferred mails arrive, and nobody gets a second mail.
	s.post.policy.lift()
	s.due()
	s.await(map[string]int{
		`SELECT count(*) FROM invites WHERE state = 'sent'`: sent + of[waits],
		`SELECT count(*) FROM outbox`:                       0,
	})
	for i := range all {
		if all[i].fate == waits {
			all[i].fate = arrives
		}
	}
	s.mailsEqualOutcomes(all, sent+of[waits])
	t.Logf("the whole test took %s", time.Since(began).Round(time.Second))
}

// ask invites nine of ten people by one bulk run, and the others one by one.
func (s *scene) ask(all []person) {
	s.t.Helper()
	facts := []*nats.Msg{s.Event(events.FirmUpserted, testkit.FirmData())}
	var requests []*nats.Msg
	var bulk []string
	for i, p := range all {
		client := "C" + p.id
		facts = append(facts,
			s.Event(events.ContactUpserted, testkit.ContactData(p.id, "Kay "+p.id, p.email)),
			s.Event(events.ClientUpserted, testkit.ClientData(client, "*"+p.id)))
		if i/20%10 == 0 { // twenty people in a row, so that each lane has every fate
			requests = append(requests, s.Event(events.InviteRequested, testkit.InviteData(client, testkit.Contact(p.id))))
			continue
		}
		bulk = append(bulk, client)
	}
	if len(bulk) > 0 {
		requests = append(requests, s.Event(events.BulkInviteRequested, testkit.BulkOf(bulk...)))
	}
	s.PublishAll(facts...)
	s.PublishAll(requests...)
}

// mailsEqualOutcomes waits until Postfix has delivered all mails. Then it checks that each mailbox has exactly the mail
// that InviteSent names, and that nobody else has one.
func (s *scene) mailsEqualOutcomes(all []person, sent int) {
	s.t.Helper()
	published := s.outcomes()
	arrived, inviteSent := 0, 0
	for _, p := range all {
		o := published[p.id]
		switch {
		case p.fate == arrives || p.fate == comesBack:
			if o.Type != events.InviteSent {
				s.t.Errorf("%s %s: %s, want InviteSent", p.id, p.fate, o.Raw)
			}
		case p.fate == waits:
			if o.Type != "" {
				s.t.Errorf("%s waits, but has an outcome: %s", p.id, o.Raw)
			}
		case o.Type != events.InviteFailed || o.SMTPCode != 550 || o.EnhancedCode != "5.1.1":
			s.t.Errorf("%s %s: %s, want InviteFailed with 550 5.1.1", p.id, p.fate, o.Raw)
		}
		if o.Type == events.InviteSent {
			inviteSent++
		}
		if p.fate == arrives {
			s.hasMail(p, o.MessageID)
			arrived++
		}
	}
	comeBack := sent - arrived
	s.waitDelivered(arrived + comeBack)
	if inviteSent != sent || len(s.post.mails(sender)) != comeBack {
		s.t.Errorf("%d InviteSent, want %d = %d mails that arrived + %d delivery reports",
			inviteSent, sent, arrived, len(s.post.mails(sender)))
	}
}

// hasMail checks that the mailbox has exactly one mail, which is the one that the outcome names.
func (s *scene) hasMail(p person, messageID string) {
	s.t.Helper()
	s.eventually(func() error {
		if files := s.post.mails(p.email); len(files) != 1 {
			return fmt.Errorf("%s has %d mails", p.id, len(files))
		}
		return nil
	})
	file, err := os.Open(s.post.mails(p.email)[0])
	s.Must(err)
	defer file.Close()
	m, err := netmail.ReadMessage(file)
	s.Must(err)
	to, err := m.Header.AddressList("To")
	s.Must(err)
	if got := strings.Trim(m.Header.Get("Message-Id"), "<>"); got != messageID || len(to) != 1 ||
		to[0].Address != p.email {
		s.t.Errorf("%s has the mail %s to %v, but InviteSent names %s", p.id, got, to, messageID)
	}
}

// waitDelivered waits until Postfix has n mails in its mailboxes and none in its queue.
func (s *scene) waitDelivered(n int) {
	s.t.Helper()
	s.eventually(func() error {
		if got := s.post.delivered(); got != n {
			return fmt.Errorf("%d mails in the mailboxes, want %d", got, n)
		}
		if left := s.post.queued(); left > 0 {
			return fmt.Errorf("%d mails in Postfix's queue", left)
		}
		return nil
	})
}

// reportsComeBack reads the delivery reports that this Postfix wrote, in the same way as `publisher bounce`.
func (s *scene) reportsComeBack(n int) {
	s.t.Helper()
	messages, err := bounce.Messages(s.post.path("mail/"+mailbox(sender)), nil)
	s.Must(err)
	seen := map[string]bool{}
	for m := range messages {
		s.Must(m.Err)
		report, err := bounce.Read(strings.NewReader(string(m.Raw)))
		s.Must(err)
		for _, f := range report.Findings(bounce.Asked{}) {
			if f.Reason != bounce.MailboxUnknown || f.Firm != firm || f.Status != "5.1.1" ||
				!strings.HasSuffix(f.Email.Normal, "@"+laterDomain) {
				s.t.Errorf("%s: %+v", m.Name, f)
			}
			seen[f.Email.Normal] = true
		}
	}
	if len(seen) != n {
		s.t.Errorf("the reports suppress %d addresses, want %d", len(seen), n)
	}
}

// due makes all queued invites due now.
func (s *scene) due() {
	s.t.Helper()
	s.Exec(`UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
}
