package systemtest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// These variables set how many contacts a run has, and how often its worker is killed. The defaults are short enough
// for every test run. 20000 and 50 take some minutes.
const (
	contactsVariable = "SYSTEMTEST_CONTACTS"
	killsVariable    = "SYSTEMTEST_KILLS"
)

func setting(t *testing.T, variable string, standard, least int) int {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return standard
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least {
		t.Fatalf("%s: must be a number from %d (example: %d)", variable, least, standard)
	}
	return n
}

// The worker of a bulk run is killed again and again. Every contact has one outcome, the sums are right, and the run
// completes once. If a person has a second mail, an attempt of unknown result accounts for it, and both mails have the
// same link.
func TestARunWhoseWorkerIsKilled(t *testing.T) {
	t.Parallel()
	s, n, kills := newScene(t), setting(t, contactsVariable, 3000, 1000), setting(t, killsVariable, 3, 1)
	began := time.Now()
	run(t, s.env, "invite-worker")
	s.publishOffice(n)
	testenv.Eventually(t, 2*time.Minute, func() error {
		if known := s.count(`SELECT count(*) FROM clients`); known < n/perClient {
			return fmt.Errorf("%d of %d clients are known", known, n/perClient)
		}
		return nil
	})
	t.Logf("%d contacts are known after %s", n, time.Since(began).Round(time.Millisecond))

	began = time.Now()
	s.Publish(events.BulkInviteRequested, testkit.BulkAll())
	for killed := range kills {
		when := `SELECT FROM runs WHERE selected > 0` // while the run is still selecting, with a lease on it
		if killed > 0 {                               // while mails are being sent
			when = fmt.Sprintf(`SELECT FROM runs JOIN invites USING (run_id)
				WHERE sent > %d AND state = 'sending'`, n*killed/(kills+1))
		}
		worker := run(t, s.env, "bulk-worker")
		testenv.Eventually(t, 5*time.Minute, func() error {
			if s.count(`SELECT count(*) FROM (`+when+`) reached`) == 0 {
				return fmt.Errorf("not there yet: %s", when)
			}
			return nil
		})
		worker.kill()
		t.Logf("kill %d after %s, with %d selected, %d sent, %d in flight",
			killed+1, time.Since(began).Round(time.Millisecond), s.count(`SELECT selected FROM runs`),
			s.count(`SELECT sent FROM runs`), s.count(`SELECT count(*) FROM invites WHERE state = 'sending'`))
	}
	run(t, s.env, "bulk-worker")
	testenv.Eventually(t, 5*time.Minute, func() error {
		if open := s.count(`SELECT (SELECT count(*) FROM runs WHERE completed_at IS NULL)
			+ (SELECT count(*) FROM outbox)`); open > 0 {
			return fmt.Errorf("the run is not complete, or its outcomes are not published")
		}
		return nil
	})
	t.Logf("complete after %s", time.Since(began).Round(time.Millisecond))
	s.checkKilledRun(n, kills)
}

const perClient = 4

func (s *scene) publishOffice(n int) {
	s.t.Helper()
	facts := []*nats.Msg{s.firm()}
	for i := 0; i < n; i += perClient {
		var ids []string
		for c := i; c < min(i+perClient, n); c++ {
			id := fmt.Sprintf("k%06d", c)
			ids = append(ids, id)
			facts = append(facts, s.contact(id, id+"@example.com"))
		}
		facts = append(facts, s.client(fmt.Sprintf("c%06d", i), ids...))
	}
	s.PublishAll(facts...)
}

func (s *scene) checkKilledRun(n, kills int) {
	s.t.Helper()
	sent, completed := map[string]int{}, 0
	seen := map[string]bool{}
	for _, o := range s.Published() {
		if seen[o.EventID] {
			s.t.Errorf("%s %s is on the stream twice", o.Type, o.EventID)
		}
		seen[o.EventID] = true
		if o.Selected != o.Sent+o.Skipped+o.Failed+o.Pending {
			s.t.Errorf("the sums of %s are wrong: %s", o.Type, o.Raw)
		}
		switch o.Type {
		case events.InviteSent:
			sent[o.InviteID]++
		case events.RunCompleted:
			completed++
			if o.Selected != n || o.Sent != n || o.Pending != 0 {
				s.t.Errorf("completed: %s", o.Raw)
			}
		case events.RunProgressed:
		default:
			s.t.Errorf("unexpected %s", o.Raw)
		}
	}
	if len(sent) != n || completed != 1 {
		s.t.Errorf("%d of %d contacts have an outcome; the run completed %d times", len(sent), n, completed)
	}
	for id, times := range sent {
		if times != 1 {
			s.t.Errorf("invite %s has %d outcomes", id, times)
		}
	}
	s.checkMails(n, kills)
}

// checkMails checks that n contacts have their mails, and that every second mail was caused by a kill.
func (s *scene) checkMails(n, kills int) {
	s.t.Helper()
	again := s.mails.again()
	extra := 0
	for id, times := range again {
		extra += times
		unknown := s.count(`SELECT count(*) FROM attempts WHERE message_id = $1 AND verdict = 'unknown'`, id)
		if unknown < times {
			s.t.Errorf("%d second mails as %s, but only %d attempts of unknown result", times, id, unknown)
		}
	}
	for id, links := range s.mails.links() {
		if len(links) != 1 || links[""] {
			s.t.Errorf("the mails as %s have %d different links, or no link", id, len(links))
		}
	}
	// When a worker dies, up to eight mails for each of the four connections may have been sent and not recorded.
	if most := kills * 4 * 8; extra > most {
		s.t.Errorf("%d second mails after %d kills, want at most %d", extra, kills, most)
	}
	unknown := s.count(`SELECT count(*) FROM attempts WHERE verdict = 'unknown'`)
	if arrived := s.mails.arrived(); arrived != n+extra {
		s.t.Errorf("%d mails arrived, want %d and %d second ones", arrived, n, extra)
	}
	s.t.Logf("%d contacts, %d mails: %d of them second ones; %d attempts have an unknown result",
		n, s.mails.arrived(), extra, unknown)
}

// Invites are requested a few at a time and sent as soon as they are decided. Their worker is killed again and again.
func TestInvitesWhoseWorkerIsKilled(t *testing.T) {
	t.Parallel()
	const each, few = 400, 40 // invites between two kills, and in one batch of requests
	s, kills := newScene(t), setting(t, killsVariable, 2, 1)
	n := each * kills
	s.publishOffice(n)
	for killed := range kills {
		worker := run(t, s.env, "invite-worker")
		began := killed * each
		testenv.Eventually(t, 2*time.Minute, func() error {
			if known := s.count(`SELECT count(*) FROM clients`); known < n/perClient {
				return fmt.Errorf("%d of %d clients are known", known, n/perClient)
			}
			return nil
		})
		for i := began; i < began+each; i += few {
			requests := make([]*nats.Msg, few)
			for c := range few {
				requests[c] = s.invite(fmt.Sprintf("c%06d", (i+c)-(i+c)%perClient), fmt.Sprintf("k%06d", i+c))
			}
			s.PublishAll(requests...)
			if i == began+each/2 {
				testenv.Eventually(t, 2*time.Minute, func() error {
					if sent := s.count(`SELECT count(*) FROM invites WHERE state = 'sent'`); sent <= i {
						return fmt.Errorf("%d invites are sent, want more than %d", sent, i)
					}
					return nil
				})
				worker.kill() // usually while the others of this batch are being sent
			}
		}
		t.Logf("kill %d with %d in flight", killed+1, s.count(`SELECT count(*) FROM invites WHERE state = 'sending'`))
	}
	run(t, s.env, "invite-worker")
	testenv.Eventually(t, 5*time.Minute, func() error {
		sent := s.count(`SELECT count(*) FROM invites WHERE state = 'sent'`)
		if left := s.count(`SELECT count(*) FROM outbox`); sent < n || left > 0 {
			return fmt.Errorf("%d of %d invites are sent, %d outcomes are not published yet", sent, n, left)
		}
		return nil
	})
	published := map[string]bool{}
	for _, o := range s.Published() {
		if o.Type != events.InviteSent || published[o.InviteID] {
			t.Errorf("%s, twice: %v: %s", o.Type, published[o.InviteID], o.Raw)
		}
		published[o.InviteID] = true
	}
	if len(published) != n {
		t.Errorf("%d of %d invites have an outcome", len(published), n)
	}
	s.checkMails(n, kills)
}
