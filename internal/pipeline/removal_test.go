package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// Max is added by email, and becomes a contact with that email later. He can't be invited as a contact while the email opens
// the portal for who was added; the remedy says how to come out of that, and it works.
func TestRemovalByEmailEndsTheAccessOfWhoWasAddedByIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.firm()
	r.client("c1")
	r.invite("c1", added("max@example.com", "Max Orr"))
	r.settled()
	r.contact("max", "Max Orr", "Max@example.com")
	r.client("c1", "*max")
	r.invite("c1", contact("max"))
	r.settled()
	got := r.standing()["c1/max"]
	const remedy = "If that is Max Orr, remove the portal access of this email on Client c1, then invite again. If not, give Max Orr an email of their own."
	if got.Reason != "email_shared" || got.Reasons[0].Remedy != remedy {
		t.Errorf("invited as a contact: %s", got.Raw)
	}
	r.publish(events.AccessRemovalRequested, inviteData("c1", added("max@example.com", "Max Orr")))
	r.settled()
	if told := r.told(events.RemovedAccess); len(told) != 1 || told[0].Recipient.ContactID != "" {
		t.Errorf("removals told: %+v", told)
	}
	r.invite("c1", contact("max"))
	r.settled()
	if n := query[int](r, `SELECT count(*) FROM access WHERE person = 'contact:max' AND state = 'invited' AND email = 'max@example.com'`); n != 1 {
		t.Errorf("after the remedy: %s", r.standing()["c1/max"].Raw)
	}
}

// While a removal waits for its turn, a contact is there with their access; afterwards both are gone.
func TestARemovalIsSeenWithWhatItEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	facts, err := r.js.Consumer(r.ctx, events.EventsStream, events.FactsDurable)
	r.must(err)
	r.firm()
	batch, err := facts.Fetch(1, jetstream.FetchMaxWait(time.Minute))
	r.must(err)
	held := <-batch.Messages() // by another worker, which takes its time
	r.contact("kay", "Kay", "kay@example.com")
	r.publish(events.ContactRemoved, object{"contact_id": "kay"})
	r.contact("behind", "Who comes behind", "behind@example.com") // in the same batch, and waits for nothing
	r.start(NewInviteWorker(r.config()))
	there := func(id string) bool {
		return query[bool](r, `SELECT EXISTS (SELECT FROM contacts WHERE contact_id = $1 AND NOT removed)`, id)
	}
	testenv.Eventually(t, time.Minute, func() error {
		if !there("behind") {
			return errors.New("the batch has not been applied")
		}
		return nil
	})
	if !there("kay") {
		t.Error("the contact is gone while the removal has not had its turn")
	}
	r.must(held.Ack())
	r.handled(events.FactsDurable)
	if there("kay") {
		t.Error("the contact is still there")
	}
}
