package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

// by makes invites those of a firm and a sender.
func (b base) by(firm, sender string, ids []uuid.UUID) []uuid.UUID {
	b.Helper()
	_, err := b.db.Exec(b.Context(), `UPDATE invites SET firm_id = $1, sender = $2 WHERE invite_id = ANY ($3)`,
		firm, sender, ids)
	b.must(err)
	return ids
}

// firmBy makes a firm that names a sender.
func (b base) firmBy(firm, sender string) {
	b.Helper()
	_, err := b.db.Exec(b.Context(), `INSERT INTO firms (firm_id, stream, sequence, name, portal_url, reply_to, logo_url,
		color, locale, sender) VALUES ($1, now(), 1, 'n', 'https://p.example', '', '', '', '', $2)
		ON CONFLICT (firm_id) DO UPDATE SET sender = $2`, firm, sender)
	b.must(err)
}

// A claim is of one sender, in both lanes.
func TestAClaimIsOfOneSender(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, lane := range []store.Lane{store.IndividualLane, store.BulkLane} {
		b.by("a", "north", b.queued(newRun(), lane, 5))
		b.by("b", "south", b.queued(newRun(), lane, 3))
		b.by("c", "", b.queued(newRun(), lane, 2))
		b.by("b", "", b.queued(uuid.NullUUID{}, lane, 2))
		for sender, want := range map[string]int{"": 4, "north": 5, "south": 3, "west": 0} {
			q := store.Queue{Lane: lane, Sender: sender}
			b.do(func(ctx context.Context, tx *store.Tx) error {
				due, _, err := tx.LockDue(ctx, q, 100, store.Turn{}, now)
				for _, i := range due {
					if i.Sender != sender {
						t.Errorf("a claim of %q took a mail of %q: internal/store/due.go", sender, i.Sender)
					}
				}
				if len(due) != want {
					t.Errorf("a claim of %q took %d mails, want %d", sender, len(due), want)
				}
				return err
			})
			if due, err := b.AnyDue(t.Context(), q, now); err != nil || due != (want > 0) {
				t.Errorf("something of %q is due: %v, %v", sender, due, err)
			}
		}
	}
	backlogs, err := b.Backlogs(t.Context(), store.BulkLane, now)
	b.must(err)
	if got := fmt.Sprint(backlogs); got != fmt.Sprint([]store.Backlog{
		{Sender: "", Length: 4, Oldest: 2 * time.Second}, {Sender: "north", Length: 5, Oldest: 5 * time.Second},
		{Sender: "south", Length: 3, Oldest: 3 * time.Second},
	}) {
		t.Errorf("the backlogs are %s", got)
	}
}

// Queued invites follow their firm to another sender, except mails that had an attempt. A new mail of the same invite,
// which has a new nonce, had none.
func TestQueuedInvitesFollowTheirFirm(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.firmBy("a", "south")
	b.firmBy("b", "")
	b.firmBy("c", "north")
	ids := b.by("a", "north", b.queued(uuid.NullUUID{}, store.IndividualLane, 4))
	b.by("b", "north", b.queued(newRun(), store.IndividualLane, 2))
	b.by("c", "north", b.queued(newRun(), store.IndividualLane, 2))
	b.by("b", "north", b.queued(newRun(), store.BulkLane, 2)) // of the other lane
	worker := b.worker()
	for i, nonce := range []string{"0", "7"} { // the second attempt was at another mail
		_, err := b.db.Exec(t.Context(), `
			WITH tried AS (UPDATE invites SET attempt = 1, nonce = 0 WHERE invite_id = $1 RETURNING invite_id, decided_at)
			INSERT INTO attempts (worker_id, started_at, finished_at, invite_id, attempt, message_id, verdict)
			SELECT $2, i.decided_at, now(), i.invite_id, 1, i.invite_id::text || '.' || $3 || '@north.example', 'retry'
			FROM tried i`,
			ids[i], worker, nonce)
		b.must(err)
	}
	for range 5 {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.FollowFirms(ctx, store.IndividualLane, 3)
			return err
		})
	}
	got := query[string](b, `
		SELECT string_agg(concat_ws(' ', lane, firm_id, sender, n), ', ' ORDER BY lane, firm_id, sender)
		FROM (SELECT lane, firm_id, sender, count(*) AS n FROM invites GROUP BY 1, 2, 3) AS counts`)
	const want = "bulk b north 2, individual a north 1, individual a south 3, individual b  2, individual c north 2"
	if got != want {
		t.Errorf("the queue is: %s\nwant: %s", got, want)
	}
	if sender := query[string](b, `SELECT sender FROM invites WHERE invite_id = $1`, ids[0]); sender != "north" {
		t.Errorf("the mail that had an attempt is the sender %q's", sender)
	}
}

// Two senders of a lane have two rates, and a domain gets the rate of each.
func TestRatesAreASendersOwn(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, sender := range []string{"", "north"} {
		q := store.Queue{Lane: store.BulkLane, Sender: sender}
		if n, _, err := b.TakeTokens(t.Context(), q, 9, 5, now); err != nil || n != 5 {
			t.Errorf("the sender %q gets %d tokens, want 5: %v", sender, n, err)
		}
	}
	b.must(b.ReturnTokens(t.Context(), store.Queue{Lane: store.BulkLane, Sender: "north"}, 2))
	if n, _, err := b.TakeTokens(t.Context(), store.Queue{Lane: store.BulkLane}, 9, 5, now); err != nil || n != 0 {
		t.Errorf("the default sender gets %d tokens that another one returned: %v", n, err)
	}
	for _, sender := range []string{"", "north"} {
		b.by("a", sender, b.mailsTo("example.com", 3))
		b.do(func(ctx context.Context, tx *store.Tx) error {
			due, _, err := tx.LockDue(ctx, store.Queue{Lane: store.IndividualLane, Sender: sender}, 9, store.Turn{}, now)
			if err != nil {
				return err
			}
			free, err := tx.PostponeByDomain(ctx, sender, due, 1, now)
			if len(free) != 2 { // one now, and one for the second before
				t.Errorf("%d mails of %q may leave to the domain, want 2", len(free), sender)
			}
			return err
		})
	}
}
