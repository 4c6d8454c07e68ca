package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// A contact is created, corrected and invited in quick succession, a thousand times, while two workers share facts and
// requests.
func TestARequestIsDecidedOnTheFactsBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.Down()
	r.StartInvites()
	r.StartInvites()
	r.UpsertFirm()
	const n = 1000
	msgs := make([]*nats.Msg, 0, 4*n)
	for i := range n {
		id, client := fmt.Sprintf("k%d", i), fmt.Sprintf("c%d", i)
		msgs = append(msgs,
			r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay", fmt.Sprintf("stale%d@example.com", i))),
			r.Event(events.ClientUpserted, testkit.ClientData(client, "*"+id)),
			r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay", fmt.Sprintf("new%d@example.com", i))),
			r.Event(events.InviteRequested, testkit.InviteData(client, testkit.Contact(id))))
	}
	r.PublishAll(msgs...)
	r.Decided(n)
	if bad := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'skipped'`); bad != 0 {
		t.Errorf("%d of %d were skipped, one of them for %s", bad, n,
			testkit.Query[string](r.Scene, `SELECT reason FROM invites WHERE state = 'skipped' LIMIT 1`))
	}
	if stale := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE email LIKE 'stale%'`); stale != 0 {
		t.Errorf("%d of %d were decided on a stale email", stale, n)
	}
}

// Two contacts have one email, 500 times. Their requests are in different batches of two workers.
func TestOneEmailIsNeverInvitedForTwoContacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.Down()
	r.UpsertFirm()
	const pairs = 500
	var facts, requests []*nats.Msg
	for i := range pairs {
		for _, one := range []string{"a", "b"} {
			id, client := fmt.Sprintf("k%d%s", i, one), fmt.Sprintf("c%d%s", i, one)
			facts = append(facts,
				r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, fmt.Sprintf("pair%d@example.com", i))),
				r.Event(events.ClientUpserted, testkit.ClientData(client, "*"+id)))
			requests = append(requests, r.Event(events.InviteRequested, testkit.InviteData(client, testkit.Contact(id))))
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(requests),
		func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	r.PublishAll(append(facts, requests...)...)
	r.StartInvites()
	r.StartInvites()
	r.Decided(2 * pairs)
	good := testkit.Query[int](r.Scene, `SELECT count(*) FROM (SELECT FROM invites GROUP BY email_normal
		HAVING count(*) = 2 AND count(*) FILTER (WHERE state IN ('queued', 'sending')) = 1
		AND count(*) FILTER (WHERE reason = 'email_shared') = 1) pair`)
	if good != pairs {
		t.Errorf("in %d of %d pairs one contact is invited and the other is skipped with email_shared", good, pairs)
	}
	named := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites loser JOIN invites winner USING (email_normal)
		WHERE loser.reason = 'email_shared' AND winner.state <> 'skipped'
		  AND loser.reasons -> 0 -> 'conflict' ->> 'contact_id' = winner.contact_id
		  AND loser.reasons -> 0 -> 'conflict' ->> 'client_id' = winner.client_id`)
	if named != pairs {
		t.Errorf("%d of %d skips name the contact that is invited", named, pairs)
	}
}

// A removal by email goes by the facts before it, which can't be applied yet. Nor does a request behind it overtake it.
func TestARemovalWaitsForTheFactsBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.BlockFacts()
	r.UpsertFirm()
	r.UpsertContact("k", "Kay", "kay@example.com")
	r.UpsertClient("c", "*k")
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c", testkit.Added("kay@example.com", "Kay")))
	r.StartInvites()
	r.WithWorkers(events.InviteDurable, 1)
	r.Invite("c", testkit.Contact("k"))
	r.WithWorkers(events.InviteDurable, 2)
	release()
	r.Settled()
	if published := r.Published(events.RemovedAccess); len(published) != 1 || published[0].Recipient.ContactID != "k" {
		t.Errorf("AccessRemoved published: %+v", published)
	}
	if sent := r.Published(events.InviteSent); len(sent) != 1 {
		t.Errorf("InviteSent published: %+v", sent)
	}
}

// A redelivered request whose invites are final is acknowledged although a fact before it is not applied yet. So a
// reset durable need not wait for facts.
func TestASettledRequestDoesNotWaitForFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.StartInvites()
	r.UpsertFirm()
	r.UpsertContact("k", "Kay", "kay@example.com")
	r.UpsertClient("c", "*k")
	request := r.Event(events.InviteRequested, testkit.InviteData("c", testkit.Contact("k")))
	publish := func() {
		_, err := r.JS.PublishMsg(r.Ctx, request)
		r.Must(err)
	}
	publish()
	r.Settled()
	stop()
	release := r.BlockFacts()
	r.UpsertContact("k", "Kay", "new@example.com")
	publish()
	r.StartInvites()
	r.Handled(events.InviteDurable)
	if r.Acknowledged(events.FactsDurable) == nil {
		t.Error("the request waited until the fact before it was applied")
	}
	release()
	r.Settled()
}
