package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// decided waits until n invites are on record. Where only decisions matter the mailbox is down, since composing a mail takes
// longer than all the rest.
func (r *rig) decided(n int) {
	r.t.Helper()
	r.handled(events.InviteDurable)
	testenv.Eventually(r.t, time.Minute, func() error {
		if got := query[int](r, `SELECT count(*) FROM invites`); got != n {
			return fmt.Errorf("%d of %d recipients are decided", got, n)
		}
		return nil
	})
}

// A contact is told of, corrected, and invited at once, a thousand times, while two workers share facts and requests.
func TestARequestIsDecidedOnTheFactsBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mailbox.Down()
	r.start(NewInviteWorker(r.config()))
	r.start(NewInviteWorker(r.config()))
	r.firm()
	const n = 1000
	msgs := make([]*nats.Msg, 0, 4*n)
	for i := range n {
		id, client := fmt.Sprintf("k%d", i), fmt.Sprintf("c%d", i)
		msgs = append(msgs,
			r.event(events.ContactUpserted, contactData(id, "Kay", fmt.Sprintf("stale%d@example.com", i))),
			r.event(events.ClientUpserted, clientData(client, "*"+id)),
			r.event(events.ContactUpserted, contactData(id, "Kay", fmt.Sprintf("new%d@example.com", i))),
			r.event(events.InviteRequested, inviteData(client, contact(id))))
	}
	r.publishAll(msgs)
	r.decided(n)
	if bad := query[int](r, `SELECT count(*) FROM invites WHERE state = 'skipped'`); bad != 0 {
		t.Errorf("%d of %d were skipped, one of them for %s", bad, n, query[string](r, `SELECT reason FROM invites WHERE state = 'skipped' LIMIT 1`))
	}
	if stale := query[int](r, `SELECT count(*) FROM invites WHERE email LIKE 'stale%'`); stale != 0 {
		t.Errorf("%d of %d were decided on a stale email", stale, n)
	}
}

// Two contacts with one email, 500 times, in requests that lie in different batches of two workers.
func TestOneEmailIsNeverInvitedForTwoContacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mailbox.Down()
	r.firm()
	const pairs = 500
	var facts, requests []*nats.Msg
	for i := range pairs {
		for _, one := range []string{"a", "b"} {
			id, client := fmt.Sprintf("k%d%s", i, one), fmt.Sprintf("c%d%s", i, one)
			facts = append(facts,
				r.event(events.ContactUpserted, contactData(id, "Kay "+id, fmt.Sprintf("pair%d@example.com", i))),
				r.event(events.ClientUpserted, clientData(client, "*"+id)))
			requests = append(requests, r.event(events.InviteRequested, inviteData(client, contact(id))))
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	r.publishAll(append(facts, requests...))
	r.start(NewInviteWorker(r.config()))
	r.start(NewInviteWorker(r.config()))
	r.decided(2 * pairs)
	good := query[int](r, `SELECT count(*) FROM (SELECT FROM invites GROUP BY email_normal
		HAVING count(*) = 2 AND count(*) FILTER (WHERE state IN ('queued', 'sending')) = 1 AND count(*) FILTER (WHERE reason = 'email_shared') = 1) pair`)
	if good != pairs {
		t.Errorf("in %d of %d pairs one is invited and one is told email_shared", good, pairs)
	}
	named := query[int](r, `SELECT count(*) FROM invites loser JOIN invites winner USING (email_normal)
		WHERE loser.reason = 'email_shared' AND winner.state <> 'skipped'
		  AND loser.reasons -> 0 -> 'conflict' ->> 'contact_id' = winner.contact_id
		  AND loser.reasons -> 0 -> 'conflict' ->> 'client_id' = winner.client_id`)
	if named != pairs {
		t.Errorf("%d of %d losers are told who the winner is", named, pairs)
	}
}

// Who has an email is what the facts before a removal say. One of them is with another worker.
func TestARemovalWaitsForTheFactsBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.contact("k", "Kay", "kay@example.com")
	held := r.taken(events.FactsDurable, 1)
	r.firm()
	r.client("c", "*k")
	r.publish(events.AccessRemovalRequested, inviteData("c", added("kay@example.com", "Kay")))
	r.start(NewInviteWorker(r.config()))
	r.withWorkers(events.InviteDurable, 1)
	r.invite("c", contact("k"))
	r.withWorkers(events.InviteDurable, 2) // fetched ahead, since the first is still there
	events.Return(held)
	r.settled()
	if told := r.told(events.RemovedAccess); len(told) != 1 || told[0].Recipient.ContactID != "k" {
		t.Errorf("removals told: %+v", told)
	}
}

// A request that comes again and may change nothing is done with, though a fact before it is not applied yet: a durable that is reset
// need not wait for facts that are still coming in.
func TestWhatIsLeftAloneDoesNotWaitForFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.start(NewInviteWorker(r.config()))
	r.firm()
	r.contact("k", "Kay", "kay@example.com")
	r.client("c", "*k")
	request := r.event(events.InviteRequested, inviteData("c", contact("k")))
	publish := func() {
		_, err := r.js.PublishMsg(r.ctx, request)
		r.must(err)
	}
	publish()
	r.settled()
	stop()
	r.contact("k", "Kay", "new@example.com")
	held := r.taken(events.FactsDurable, 1)
	publish()
	r.start(NewInviteWorker(r.config()))
	r.handled(events.InviteDurable)
	if r.acknowledged(events.FactsDurable) == nil {
		t.Error("it has waited until the fact before it was applied")
	}
	events.Return(held)
	r.settled()
}
