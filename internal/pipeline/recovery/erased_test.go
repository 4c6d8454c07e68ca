package recovery_test

import (
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// The database is restored to a moment before somebody was erased. The erasure is on the stream, so recovery applies it
// again: nothing brings the person back, and nobody is mailed.
func TestARestoredDatabaseErasesAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.StartInvites()
	r.UpsertFirm()
	r.UpsertContact("pat-id", "Pat Zyxine", "zyxine@example.com")
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*pat-id", "*dana")
	r.UpsertClient("c2", "*pat-id")
	r.Invite("c1", testkit.Contact("pat-id"), testkit.Contact("dana"))
	r.Settled()
	restore := testenv.BackUp(t, r.DatabaseURL)
	r.Invite("c2", testkit.Contact("pat-id")) // lost, and so is its outcome
	r.Settled()
	r.Publish(events.PersonErased, testkit.Object{"contact_id": "pat-id", "requested_by": "Kim", "reason": "Case 17."})
	r.Settled()
	before, mailed, published := r.ledger(), len(r.Mailbox.Messages()), len(r.Published())
	stop()
	restore()
	if !strings.Contains(testenv.Dump(t, r.DatabaseURL), "zyxine") {
		t.Fatal("the copy is as the database was after the erasure")
	}
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartBulk()
	r.logged(2, "the database was restored to an earlier moment")
	r.recover(w.Answers())
	r.Settled()
	for line := range strings.Lines(testenv.Dump(t, r.DatabaseURL)) {
		if lower := strings.ToLower(line); strings.Contains(lower, "zyxine") || strings.Contains(lower, "pat-id") {
			t.Errorf("the database has the person again: %.300s", line)
		}
	}
	r.same("the ledger", before, r.ledger())
	if n := len(r.Mailbox.Messages()) - mailed; n != 0 {
		t.Errorf("%d mails left again", n)
	}
	for _, o := range r.Published()[published:] {
		t.Errorf("published again: %s %s %s", o.Type, o.EventID, o.Raw)
	}
}
