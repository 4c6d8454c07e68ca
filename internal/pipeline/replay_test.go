package pipeline

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// office publishes a small firm: clients c0…, each with a Primary contact k0… of their own; c1 has nobody with an email.
func (r *rig) office(clients int) {
	r.firm()
	var facts []*nats.Msg
	for n := range clients {
		email := fmt.Sprintf("k%d@example.com", n)
		if n == 1 {
			email = ""
		}
		id := fmt.Sprintf("k%d", n)
		facts = append(facts,
			r.event(events.ContactUpserted, contactData(id, "Kay "+id, email)),
			r.event(events.ClientUpserted, clientData(fmt.Sprintf("c%d", n), "*"+id)))
	}
	r.publishAll(facts)
}

// unchanged says what a second look must not have made more of.
type unchanged struct{ mails, outcomes, invites, attempts int }

func (r *rig) state() unchanged {
	return unchanged{
		len(r.mailbox.Messages()),
		len(r.told(events.InviteSent, events.InviteSkipped, events.InviteFailed, events.RunCompleted)), // progress is told at a pace
		query[int](r, `SELECT count(*) FROM invites`), query[int](r, `SELECT count(*) FROM attempts`),
	}
}

func TestAResetOfEveryDurableSendsNothingAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.office(12)
	r.publish(events.BulkInviteRequested, bulkAll())
	r.invite("c0", contact("k0"), contact("k1"), added("new@example.com", "New"), added("new@example.com", "New"))
	r.publish(events.FileShared, with(inviteData("c2", added("two@example.com", "Two")), "file", object{"id": "f", "name": "Return.pdf"}))
	r.settled()
	before := r.state()

	for range 2 {
		r.reset(durables...)
		r.settled()
	}
	if after := r.state(); after != before {
		t.Errorf("after two resets %+v, before %+v", after, before)
	}
}

func TestAResetWhileTheRunIsOnSendsNothingTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	out := r.outcomes()
	r.office(60)
	r.publish(events.BulkInviteRequested, bulkAll())
	r.await(out, 10, events.InviteSent)
	r.reset(durables...)
	r.await(out, 10, events.InviteSent)
	r.reset(durables...)
	r.settled()
	if mails := len(r.mailbox.Messages()); mails != 59 {
		t.Errorf("%d mails, want 59", mails)
	}
	if completed := r.told(events.RunCompleted); len(completed) != 1 || completed[0].Selected != 60 || completed[0].Sent != 59 {
		t.Errorf("completed: %+v", completed)
	}
}

func TestAResetInvitesThoseWhoWereFixedAndNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.office(10)
	r.publish(events.BulkInviteRequested, bulkAll())
	r.settled()
	r.client("c3", "*k3", "k1")
	r.invite("c0", contact("k0")) // already invited: settled, whatever is fixed
	r.invite("c3", contact("k1"))
	r.settled()
	before := r.state()

	r.contact("k1", "Kay k1", "k1@example.com")
	r.handled(events.FactsDurable) // a reset delivers an event from before this fact again, which need not wait for it
	r.reset(events.BulkDurable)
	r.settled()
	if o := r.standing()["c1/k1"]; o.Type != events.InviteSent || o.Revision != 2 || o.ReplayID == "" {
		t.Errorf("fixed, and then %+v", o)
	}
	after := r.state()
	// The second outcome is that of the replay itself, which has changed something and says so.
	if after.mails != before.mails+1 || after.outcomes != before.outcomes+2 {
		t.Errorf("after the fix %+v, before %+v", after, before)
	}
	run := r.told(events.RunCompleted)
	if replay := run[len(run)-1]; len(run) != 2 || replay.Kind != "replay" || replay.Selected != 1 || replay.Sent != 1 {
		t.Errorf("runs completed: %+v", run)
	}

	// The same person on another client, asked for one by one.
	r.reset(events.InviteDurable)
	r.settled()
	if o := r.standing()["c3/k1"]; o.Type != events.InviteSent || o.Revision != 2 {
		t.Errorf("fixed, and then %+v", o)
	}
	r.reset(durables...)
	r.settled()
	if last := r.state(); last.mails != after.mails+1 || last.outcomes != after.outcomes+1 {
		t.Errorf("in the end %+v, before that %+v", last, after)
	}
}

func TestAnEventPublishedTwiceIsOneEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office(8)
	bulkID, inviteID := uuid.NewString(), uuid.NewString()
	for range 2 { // before a worker starts, so that both come in one batch
		r.publishAs(bulkID, events.BulkInviteRequested, bulkAll())
		r.publishAs(inviteID, events.InviteRequested, inviteData("c0", added("new@example.com", "New")))
	}
	r.startBoth()
	r.settled()
	before := r.state()
	r.publishAs(bulkID, events.BulkInviteRequested, bulkAll())
	r.publishAs(inviteID, events.InviteRequested, inviteData("c0", added("new@example.com", "New")))
	r.settled()
	if after := r.state(); after != before || after.mails != 8 || after.invites != 9 {
		t.Errorf("published once more: %+v, before %+v", after, before)
	}
	// Another event that asks for the same is another request, and every recipient of it has an outcome.
	r.publish(events.BulkInviteRequested, bulkAll())
	r.settled()
	if after := r.state(); after.mails != before.mails || after.invites != before.invites+8 {
		t.Errorf("asked again: %+v, before %+v", after, before)
	}
}
