package pipeline

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// Dana opens several portals by an email that Sam has as well. Which of them Sam's outcome names is always the same one, so that
// a replay which finds nothing new tells nothing new.
func TestAConflictThatHasNotChangedIsNotToldAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.firm()
	r.contact("dana", "Dana Wu", "one@example.com")
	r.contact("sam", "Sam Ode", "one@example.com")
	r.client("c1", "*dana")
	r.client("c2", "*dana")
	r.client("c3", "*sam")
	r.publish(events.BulkInviteRequested, bulkAll())
	r.settled()
	first := r.standing()["c3/sam"]
	if first.Reason != "email_shared" || first.Reasons[0].Conflict.ContactID != "dana" || first.Reasons[0].Conflict.ClientID != "c1" {
		t.Errorf("Sam: %s", first.Raw)
	}
	r.publish(events.ReplayRequested, object{"requested_by": "Ops", "filter": object{}})
	r.settled()
	if again := r.standing()["c3/sam"]; again.Revision != first.Revision {
		t.Errorf("told again: %s, and before: %s", again.Raw, first.Raw)
	}
}

// A publisher that heard no answer has published again, and one worker gets both at once. It is no race with another worker, over
// which a transaction would start again and again.
func TestAnEventThatStandsTwiceInABatchIsDecidedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.firm()
	r.contact("k", "Kay", "kay@example.com")
	r.client("c", "*k")
	request := r.event(events.InviteRequested, inviteData("c", contact("k")))
	for range 2 {
		_, err := r.js.PublishMsg(r.ctx, request)
		r.must(err)
	}
	r.start(NewInviteWorker(r.config()))
	r.settled()
	if told := r.told(); len(told) != 1 || told[0].Type != events.InviteSent {
		t.Errorf("told: %+v", told)
	}
	if n := r.log.Lines(store.ErrConflict.Error()); n != 0 {
		t.Errorf("deciding failed %d times", n)
	}
}
