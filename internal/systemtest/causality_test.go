package systemtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// A thousand contacts are each published, corrected and invited in immediate succession. Two processes decide the
// invites.
func TestTwoProcessesDecideOnTheFactsBeforeARequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	run(t, s.env, "invite-worker")
	run(t, s.env, "invite-worker")
	const n = 1000
	msgs := []*nats.Msg{s.firm()}
	for i := range n {
		id, client := fmt.Sprintf("k%d", i), fmt.Sprintf("c%d", i)
		msgs = append(msgs, s.contact(id, fmt.Sprintf("stale%d@example.com", i)), s.client(client, id),
			s.contact(id, fmt.Sprintf("new%d@example.com", i)), s.invite(client, id))
	}
	s.PublishAll(msgs...)
	testenv.Eventually(t, 2*time.Minute, func() error {
		decided := s.count(`SELECT count(*) FROM invites WHERE state NOT IN ('queued', 'sending')`)
		if left := s.count(`SELECT count(*) FROM outbox`); decided < n || left > 0 {
			return fmt.Errorf("%d of %d invites are done, %d outcomes are not published yet", decided, n, left)
		}
		return nil
	})
	sent := 0
	for _, o := range s.Published() {
		if o.Type != events.InviteSent {
			t.Errorf("%s %s", o.Type, o.Reason)
			continue
		}
		sent++
	}
	if sent != n || s.mails.arrived() != n {
		t.Errorf("%d of %d sent, %d mails", sent, n, s.mails.arrived())
	}
	for to := range s.mails.to {
		if strings.HasPrefix(to, "stale") {
			t.Errorf("a mail went to %s", to)
		}
	}
	if workers := s.count(`SELECT count(DISTINCT worker_id) FROM attempts`); workers != 2 {
		t.Errorf("%d processes sent mails", workers)
	}
}
