package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

// An invite that is inserted as being sent looks like one that was queued and claimed.
func TestInsertSending(t *testing.T) {
	t.Parallel()
	b := open(t)
	worker, request := b.worker(), b.recorded(now)
	insert := func(list []store.Invite) (inserting error) {
		attempts := make([]store.Attempt, len(list))
		for i := range list {
			list[i].State, list[i].Attempt = store.Sending, 1
			attempts[i] = store.Attempt{InviteID: list[i].ID, Number: 1, MessageID: "m"}
		}
		err := b.Tx(t.Context(), func(tx *store.Tx) error {
			if inserting = tx.InsertSending(t.Context(), worker, list, attempts, now); inserting != nil {
				return errEnough
			}
			return nil
		})
		if inserting == nil {
			b.must(err)
		}
		return inserting
	}
	sentNow := invitesOf(request, 2)
	b.must(insert(sentNow))
	claimed := invitesOf(request, 1)
	claimed[0].State, claimed[0].NextAttempt = store.Queued, now
	b.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertInvites(ctx, claimed) })
	b.do(func(ctx context.Context, tx *store.Tx) error {
		return tx.BeginAttempts(ctx, worker, []store.Attempt{{InviteID: claimed[0].ID, Number: 1, MessageID: "m"}}, now)
	})
	const row = `SELECT (to_jsonb(i) - 'invite_id' || to_jsonb(a) - 'invite_id')::text FROM invites i
		JOIN attempts a USING (invite_id) WHERE invite_id = $1`
	want := query[string](b, row, claimed[0].ID)
	for _, i := range sentNow {
		if got := query[string](b, row, i.ID); got != want {
			t.Errorf("inserted as being sent: %s\nqueued and claimed: %s", got, want)
		}
	}

	b.leaseUntil(worker, "2001-01-01")
	if err := insert(invitesOf(request, 1)); !errors.Is(err, store.ErrLeaseEnded) {
		t.Errorf("by a worker whose lease has ended: %v", err)
	}
	b.leaseUntil(worker, "infinity")
	for name, list := range map[string][]store.Invite{
		"it exists":  append(invitesOf(request, 1), sentNow[0]),
		"no request": invitesOf(uuid.New(), 1),
	} {
		if err := insert(list); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	invites, attempts := query[int](b, `SELECT count(*) FROM invites`), query[int](b, `SELECT count(*) FROM attempts`)
	if invites != 3 || attempts != 3 {
		t.Errorf("%d invites and %d attempts, want 3 of each", invites, attempts)
	}
}

func TestAnyDue(t *testing.T) {
	t.Parallel()
	b := open(t)
	check := func(what string, want bool) {
		t.Helper()
		if due, err := b.AnyDue(t.Context(), store.Queue{Lane: store.IndividualLane}, now); err != nil || due != want {
			t.Errorf("%s: due is %v, %v; want %v", what, due, err, want)
		}
	}
	b.queued(newRun(), store.BulkLane, 1)
	check("an invite of a run", false)
	ids := b.queued(uuid.NullUUID{}, store.IndividualLane, 1)
	check("an individual invite", true)
	later := now.Add(time.Microsecond)
	for _, c := range []struct {
		what     string
		at, held *time.Time
		want     bool
	}{{"later", &later, nil, false}, {"held", nil, &now, false}, {"now", &now, nil, true}} {
		_, err := b.db.Exec(t.Context(), `UPDATE invites SET next_attempt_at = $2, held_at = $3 WHERE invite_id = $1`,
			ids[0], c.at, c.held)
		b.must(err)
		check(c.what, c.want)
	}
	worker := b.worker()
	b.do(func(ctx context.Context, tx *store.Tx) error {
		return tx.BeginAttempts(ctx, worker, []store.Attempt{{InviteID: ids[0], Number: 1, MessageID: "m"}}, now)
	})
	check("an invite that is being sent", false)
}
