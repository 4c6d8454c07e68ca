package postfixtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/bounce"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/testkit"
)

// TestMailsThatComeBack sends a run through a real mail server. A tenth of its mails come back as delivery reports, an
// hour later by the pipeline's clock. Then the addresses are corrected, and one replay reaches exactly these people.
// Meanwhile facts are delivered again, and the durables are set back.
func TestMailsThatComeBack(t *testing.T) {
	t.Parallel()
	n, err := strconv.Atoi(os.Getenv(mailsVariable))
	if err != nil || n < 20 {
		t.Skipf("NOT RUN: needs a Postfix. `make postfix-test` installs one and runs this; "+
			"or set %s to a number of mails, 20 or more", mailsVariable)
	}
	n = min(n, 2000)
	all, mailboxes := make([]person, n), []string{sender}
	back := 0
	for i := range all {
		p := person{id: fmt.Sprintf("P-%05d", i), fate: arrives, email: fmt.Sprintf("p%05d@%s", i, goodDomain)}
		if i%10 == 3 {
			p.fate, p.email = comesBack, fmt.Sprintf("p%05d@%s", i, laterDomain)
			back++
			mailboxes = append(mailboxes, corrected(p).email)
		}
		all[i] = p
		mailboxes = append(mailboxes, p.email)
	}
	s := newScene(t, mailboxes)
	run := s.inviteAll(all)
	s.awaitRun(run, events.RunCompleted, sums{n, n, 0})
	s.waitDelivered(n)
	s.anHourLater()

	// Each report is published twice, with an id of its own, and all that was handled before is handled again.
	s.publishReports(back)
	s.awaitRun(run, events.RunRevised, sums{n, n - back, back})
	s.outcomesEqualMailboxes(all, run, sums{n, n - back, back})
	s.Reset(events.FactsDurable, events.BulkDurable)
	s.publishReports(back)
	s.awaitRun(run, events.RunRevised, sums{n, n - back, back})
	s.Handled(events.FactsDurable, events.BulkDurable)
	s.outcomesEqualMailboxes(all, run, sums{n, n - back, back})

	for i, p := range all {
		if p.fate == comesBack {
			all[i] = corrected(p)
			s.Publish(events.ContactUpserted, testkit.ContactData(p.id, "Kay "+p.id, all[i].email))
		}
	}
	s.Reset(events.FactsDurable)
	replay := s.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	s.awaitRun(replay, events.RunCompleted, sums{back, back, 0})
	s.awaitRun(run, events.RunRevised, sums{n, n, 0})
	s.waitDelivered(n + back) // the reports are in a mailbox as well
	s.Handled(testkit.Durables()...)
	s.outcomesEqualMailboxes(all, run, sums{n, n, 0})
}

// corrected is the same person with an address that has a mailbox.
func corrected(p person) person {
	p.fate, p.email = arrives, strings.TrimSuffix(p.email, laterDomain)+goodDomain
	return p
}

// sums are those of a run: selected, sent, and the others.
type sums [3]int

// inviteAll invites everybody by one run, and returns the request's id.
func (s *scene) inviteAll(all []person) (request string) {
	s.t.Helper()
	facts := []*nats.Msg{s.Event(events.FirmUpserted, testkit.FirmData())}
	for _, p := range all {
		facts = append(facts,
			s.Event(events.ContactUpserted, testkit.ContactData(p.id, "Kay "+p.id, p.email)),
			s.Event(events.ClientUpserted, testkit.ClientData("C"+p.id, "*"+p.id)))
	}
	s.PublishAll(facts...)
	return s.Publish(events.BulkInviteRequested, testkit.BulkAll())
}

// awaitRun waits until the run of a request has these sums, and checks that the last event about it tells them. An
// invite that is decided again after its mail came back is skipped, because its address is suppressed.
func (s *scene) awaitRun(request string, t events.Type, want sums) {
	s.t.Helper()
	s.await(map[string]int{
		fmt.Sprintf(`SELECT least(1, count(*)) FROM runs WHERE completed_at IS NOT NULL AND NOT to_revise
			AND (selected, sent, failed + skipped, pending) = (%d, %d, %d, 0)`, want[0], want[1], want[2]): 1,
		`SELECT count(*) FROM outbox`: 0,
	})
	last := s.lastOfRun(request)
	if got := (sums{last.Selected, last.Sent, last.Failed + last.Skipped}); last.Type != t || got != want {
		s.t.Errorf("the run ends with %s %v, want %s %v", last.Type, got, t, want)
	}
}

func (s *scene) lastOfRun(request string) (last testkit.Outcome) {
	for _, o := range s.Published(events.RunProgressed, events.RunCompleted, events.RunRevised) {
		if o.Cause.ID == request {
			last = o
		}
	}
	return last
}

// anHourLater moves all that has happened an hour back.
func (s *scene) anHourLater() {
	s.t.Helper()
	s.Exec(`UPDATE invites SET decided_at = decided_at - interval '1 hour', sent_at = sent_at - interval '1 hour'`)
	s.Exec(`UPDATE attempts
		SET started_at = started_at - interval '1 hour', finished_at = finished_at - interval '1 hour'`)
	s.Exec(`UPDATE access SET invited_at = invited_at - interval '1 hour', mailed_at = mailed_at - interval '1 hour'`)
}

// publishReports publishes the delivery reports that this Postfix wrote, as `publisher bounce` does.
func (s *scene) publishReports(n int) {
	s.t.Helper()
	messages, err := bounce.Messages(s.post.path("mail/"+mailbox(sender)), nil)
	s.Must(err)
	published := 0
	for m := range messages {
		s.Must(m.Err)
		report, err := bounce.Read(strings.NewReader(string(m.Raw)))
		s.Must(err)
		for _, f := range report.Findings(bounce.Asked{}) {
			event, err := f.Event(time.Now())
			s.Must(err)
			event.ID = uuid.NewString() // a provider's retry may have another one
			msg, err := event.Message()
			s.Must(err)
			s.PublishAll(msg)
			published++
		}
	}
	if published != n {
		s.t.Errorf("%d reports, want %d", published, n)
	}
}

// outcomesEqualMailboxes checks that everybody's newest outcome is what their mailbox holds, that the ledger agrees,
// and that the last sums of the run are those of its invites.
func (s *scene) outcomesEqualMailboxes(all []person, run string, want sums) {
	s.t.Helper()
	newest := s.Newest()
	for _, p := range all {
		o := newest["C"+p.id+"/"+p.id]
		if p.fate == comesBack {
			again := o.Type == events.InviteSkipped && o.Reason == string(rules.EmailSuppressed) // decided again after the reset
			if !again && (o.Type != events.InviteFailed || o.Stage != "after") || len(s.post.mails(p.email)) != 0 {
				s.t.Errorf("%s came back: %s", p.id, o.Raw)
			}
			continue
		}
		if o.Type != events.InviteSent {
			s.t.Errorf("%s: %s, want InviteSent", p.id, o.Raw)
			continue
		}
		s.hasMail(p, o.MessageID)
	}
	last := s.lastOfRun(run)
	if got := (sums{last.Selected, last.Sent, last.Failed + last.Skipped}); got != want {
		s.t.Errorf("the run says %v, want %v", got, want)
	}
	s.await(map[string]int{
		`SELECT count(*) FROM invites WHERE state = 'sent'`:                 want[1],
		`SELECT count(*) FROM invites WHERE state IN ('failed', 'skipped')`: want[2],
		`SELECT count(*) FROM access WHERE state = 'invited'`:               want[1],
		`SELECT count(*) FROM runs WHERE to_revise`:                         0,
	})
}
