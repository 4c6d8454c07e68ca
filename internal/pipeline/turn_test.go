package pipeline_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// hold takes n facts as a worker does that then hangs: it neither applies them nor lets the broker redeliver them.
func (r *rig) hold(n int) (letGo func()) {
	r.TB.Helper()
	held := r.Taken(events.FactsDurable, n)
	ctx, stop := context.WithCancel(r.Ctx)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for ticker := time.NewTicker(time.Second); ; {
			select {
			case <-ctx.Done():
				ticker.Stop()
				return
			case <-ticker.C:
				events.InProgress(held)
			}
		}
	}()
	letGo = func() {
		stop()
		<-ended
		events.Return(held)
	}
	r.TB.Cleanup(stop)
	return letGo
}

// A worker has taken the facts before a request, and hangs. The request is decided on these facts nevertheless, in both
// lanes.
func TestNoRequestDependsOnTheWorkerThatHasItsFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.UpsertFirm()
	r.UpsertContact("k", "Kay", "old@example.com")
	r.UpsertClient("c", "*k")
	r.UpsertContact("k", "Kay", "new@example.com")
	letGo := r.hold(4)
	r.Invite("c", testkit.Contact("k"))
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.StartBoth()
	r.Handled(events.InviteDurable, events.BulkDurable)
	r.Decided(2)
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE email = 'new@example.com'`); n != 2 {
		t.Errorf("%d of 2 invites go to the newest address", n)
	}
	if r.Acknowledged(events.FactsDurable) == nil {
		t.Error("the worker that hangs has lost its facts")
	}
	letGo()
	r.Settled()
}

// A worker holds the oldest fact about access, and hangs. The facts behind it, of this firm and of others, are applied
// nevertheless, in the stream's order: the contact whose access was granted first has the login.
func TestFactsAboutAccessWaitForNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var contacts, facts []*nats.Msg
	for i := range 250 { // more than are read at a time
		id := fmt.Sprintf("k%03d", i)
		contacts = append(contacts, r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay", "one@example.com")))
		facts = append(facts, r.Event(events.PortalAccessGranted, testkit.Object{
			"client_id": "c", "contact_id": id, "granted_at": "2026-03-02T09:00:00Z",
		}))
	}
	r.PublishAll(contacts...)
	stop := r.StartInvites()
	r.Handled(events.FactsDurable)
	stop()
	r.PublishAll(facts[:2]...)
	letGo := r.hold(1)
	r.PublishAll(facts[2:]...)
	r.StartBoth()
	testenv.Eventually(t, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM access WHERE state = 'active'`); n != len(facts) {
			return fmt.Errorf("%d of %d have access", n, len(facts))
		}
		return nil
	})
	if owner := testkit.Query[string](r.Scene, `SELECT person FROM logins`); owner != "contact:k000" {
		t.Errorf("%s has the login", owner)
	}
	letGo()
	r.Settled()
}

// A request waits for facts, and the database refuses one of them. The request is decided, and only the fact becomes a
// dead letter.
func TestARequestOutlivesAFactThatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Exec(`ALTER TABLE contacts ADD CHECK (name <> 'Refused')`)
	r.UpsertFirm()
	r.UpsertContact("bad", "Refused", "bad@example.com")
	r.UpsertContact("k", "Kay", "kay@example.com")
	r.UpsertClient("c", "*k")
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "gone"})
	letGo := r.hold(4)
	r.Invite("c", testkit.Contact("k"))
	r.StartInvites()
	r.Decided(1)
	if state := testkit.Query[string](r.Scene, `SELECT state FROM invites`); state == "skipped" {
		t.Errorf("the invite is %s", state)
	}
	if letters := r.DeadLetters(); len(letters) > 0 {
		t.Errorf("dead letters while somebody else has the fact: %v", letters)
	}
	letGo()
	r.Settled()
	if letters := r.DeadLetters(); len(letters) != 1 || letters["portal.facts.acme.ContactUpserted"] == "" {
		t.Errorf("dead letters: %v", letters)
	}
}

// A firm has sent many requests when another firm sends one. The one does not wait for all of them.
func TestAFirmsRequestDoesNotWaitForAnotherFirmsMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Mailbox.Down()
	const n = 1500
	var msgs []*nats.Msg
	for i := range n {
		msgs = append(msgs, r.Event(events.InviteRequested, testkit.InviteData(fmt.Sprintf("c%d", i), testkit.Contact("k"))))
	}
	one := r.Event(events.InviteRequested, testkit.InviteData("c", testkit.Contact("k")))
	one.Subject = "portal.events.other.InviteRequested"
	r.PublishAll(append(msgs, one)...)
	r.StartInvites()
	r.Decided(n + 1)
	before := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites mine, invites other
		WHERE other.firm_id = 'other' AND mine.firm_id = 'acme' AND mine.decided_at <= other.decided_at`)
	if before > n/2 {
		t.Errorf("%d of %d requests of the other firm were decided before", before, n)
	}
}

// Somebody removes the facts durable while a request waits for facts. It is created again, and the request is decided.
func TestARemovedFactsDurableIsMadeAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.BlockFacts()
	r.UpsertFirm()
	r.UpsertContact("k", "Kay", "kay@example.com")
	r.UpsertClient("c", "*k")
	r.StartInvites()
	r.WithWorkers(events.FactsDurable, 3)
	r.Invite("c", testkit.Contact("k"))
	r.WithWorkers(events.InviteDurable, 1)
	r.Must(r.JS.DeleteConsumer(r.Ctx, events.EventsStream, events.FactsDurable))
	release()
	r.Settled()
	if sent := r.Published(events.InviteSent); len(sent) != 1 {
		t.Errorf("InviteSent published: %+v", sent)
	}
}
