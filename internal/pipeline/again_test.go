package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// A firm wants that people are invited again at their new email. That is done once for each email, in the bulk lane, in
// the name of who invited them. The sums of the run stay.
func TestAPersonIsInvitedAgainAtTheNewEmail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartBulk()
	r.UpsertFirm()
	for _, id := range []string{"before", "dana", "lee"} {
		r.UpsertContact(id, "Pat "+id, id+"@old.example")
	}
	r.UpsertClient("c1", "*before", "*dana", "*lee")
	run := r.Publish(events.BulkInviteRequested, testkit.With(testkit.BulkAll(), "requested_by", "Robin"))
	r.Settled()
	old := r.linkOf("dana@old.example")
	r.UpsertContact("before", "Pat", "before@new.example") // before the firm wants it
	r.Settled()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "on_email_change", "invite_again"))
	r.Publish(events.EmailSuppressed, testkit.Object{"email": "dana@blocked.example", "cause": "manual"})
	r.Settled()

	r.UpsertContact("dana", "Pat", "dana@blocked.example")
	r.Settled()
	if got := r.invitedAgain(events.InviteSkipped); got.Recipient.ContactID != "dana" || got.Reason != "email_suppressed" {
		t.Errorf("at the first new email: %s", got.Raw)
	}
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "dana@blocked.example", "cause": "manual"})
	r.UpsertContact("lee", "Pat", "lee@new.example")
	r.Settled()
	got := r.invitedAgain(events.InviteSent)
	if got.Recipient.ContactID != "lee" || got.Lane != "bulk" || got.RunID != "" {
		t.Errorf("invited again: %s, want Lee, in the bulk lane and in no run", got.Raw)
	}
	r.UpsertContact("dana", "Pat", "dana@new.example") // Dana's next email is another one
	r.Settled()
	sent := r.invitedAgain(events.InviteSent)
	if sent.Recipient.ContactID != "dana" || sent.Cause.Type != string(events.InviteRequested) {
		t.Errorf("invited again: %s, want Dana, by an InviteRequested", sent.Raw)
	}
	by := testkit.Query[string](r.Scene, `SELECT data->>'requested_by' FROM requests
		WHERE event_id = $1`, sent.Cause.ID)
	if by != "Robin" || strings.Contains(sent.Cause.ID, "@") {
		t.Errorf("it is request %s, in the name of %s, want Robin", sent.Cause.ID, by)
	}
	r.linkIs(w, old, answer.LinkReplaced)
	r.linkIs(w, r.linkOf("dana@new.example"), answer.LinkOpened)
	if o := r.Completed(run); o.Selected != 3 || o.Sent != 3 {
		t.Errorf("the run: %s", o.Raw)
	}
	if n := len(r.Mailbox.Messages()); n != 5 {
		t.Errorf("%d mails, want 3 of the run and 2 at new emails", n)
	}
	r.Audit()
}

// invitedAgain lets the pipeline invite people again without waiting any longer, and returns the newest outcome.
func (r *rig) invitedAgain(want events.Type) testkit.Outcome {
	r.TB.Helper()
	const asked = `SELECT count(*) FROM requests WHERE event_id LIKE 'invite-again/%'`
	before := testkit.Query[int](r.Scene, asked)
	r.Exec(`UPDATE access SET removed_at = removed_at - interval '1 hour'`)
	testenv.Eventually(r.TB, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, asked); n == before {
			return fmt.Errorf("nobody is invited again besides the %d before", n)
		}
		return nil
	})
	r.Settled()
	all := r.Published(events.InviteSent, events.InviteSkipped)
	newest := all[len(all)-1]
	if newest.Type != want {
		r.TB.Errorf("invited again: %s, want %s", newest.Raw, want)
	}
	return newest
}
