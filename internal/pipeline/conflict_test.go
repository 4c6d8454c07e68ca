package pipeline_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// Dana has access to several portals, by an email that Sam has as well. Sam's outcome always names the same portal. So
// a replay that finds nothing new publishes nothing new.
func TestAnUnchangedConflictIsNotPublishedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "one@example.com")
	r.UpsertContact("sam", "Sam Ode", "one@example.com")
	r.UpsertClient("c1", "*dana")
	r.UpsertClient("c2", "*dana")
	r.UpsertClient("c3", "*sam")
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	first := r.Newest()["c3/sam"]
	if first.Reason != "email_shared" || first.Reasons[0].Conflict.ContactID != "dana" ||
		first.Reasons[0].Conflict.ClientID != "c1" {
		t.Errorf("Sam: %s", first.Raw)
	}
	r.Publish(events.ReplayRequested, testkit.Object{"requested_by": "Ops", "filter": testkit.Object{}})
	r.Settled()
	if again := r.Newest()["c3/sam"]; again.Revision != first.Revision {
		t.Errorf("published again: %s, and before: %s", again.Raw, first.Raw)
	}
}

// A publisher got no answer and published its event again, and one worker gets both in one batch. That must not look
// like a race with another worker, or the transaction would start again and again.
func TestAnEventThatOccursTwiceInABatchIsDecidedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.UpsertFirm()
	r.UpsertContact("k", "Kay", "kay@example.com")
	r.UpsertClient("c", "*k")
	request := r.Event(events.InviteRequested, testkit.InviteData("c", testkit.Contact("k")))
	for range 2 {
		_, err := r.JS.PublishMsg(r.Ctx, request)
		r.Must(err)
	}
	r.StartInvites()
	r.Settled()
	if published := r.Published(); len(published) != 1 || published[0].Type != events.InviteSent {
		t.Errorf("published: %+v", published)
	}
	if n := r.Log.Lines(store.ErrConflict.Error()); n != 0 {
		t.Errorf("deciding failed %d times", n)
	}
}
