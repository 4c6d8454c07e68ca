package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

func invitesOf(request uuid.UUID, n int) []store.Invite {
	invites := make([]store.Invite, n)
	for i := range invites {
		invites[i] = store.Invite{
			ID: uuid.New(), RequestID: request, FirmID: "acme", ClientID: "c", Kind: rules.Invite, Lane: store.IndividualLane,
			State: store.Skipped, Person: "contact:k", DecidedAt: now,
		}
	}
	return invites
}

func TestAnInviteIsWrittenOnlyWithItsRequest(t *testing.T) {
	t.Parallel()
	b := open(t)
	known := b.recorded(now)
	for name, list := range map[string][]store.Invite{
		"no request": invitesOf(uuid.New(), 1),
		"one of two": append(invitesOf(known, 2), invitesOf(uuid.New(), 1)...),
	} {
		err := b.Tx(t.Context(), func(tx *store.Tx) error {
			if err := tx.InsertInvites(t.Context(), list); !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
			return errEnough
		})
		if !errors.Is(err, errEnough) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertInvites(ctx, invitesOf(known, 2)) })
}

// A transaction that writes an invite locks the invite's request. Pruning passes over the request, and finds the invite
// afterwards.
func TestARequestWhoseInviteIsBeingWrittenIsNotPruned(t *testing.T) {
	t.Parallel()
	b := open(t)
	request := b.recorded(now.AddDate(-6, 0, 0))
	aged := func() (list []store.Aged) {
		b.do(func(ctx context.Context, tx *store.Tx) (err error) {
			list, err = tx.LockAged(ctx, []uuid.UUID{request}, now)
			return err
		})
		return list
	}
	b.do(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertInvites(ctx, invitesOf(request, 1)); err != nil {
			return err
		}
		if list := aged(); len(list) != 0 {
			t.Errorf("while an invite is written: %v", list)
		}
		return nil
	})
	list := aged()
	if len(list) != 1 {
		t.Fatalf("afterwards: %v", list)
	}
	pruned := func() (n int) {
		b.do(func(ctx context.Context, tx *store.Tx) (err error) {
			n, err = tx.PruneRequests(ctx, list, []store.IDRange{{Before: uuid.Max}})
			return err
		})
		return n
	}
	if n := pruned(); n != 0 {
		t.Errorf("%d requests were deleted before their invite", n)
	}
	if _, err := b.db.Exec(t.Context(), `DELETE FROM invites`); err != nil {
		t.Fatal(err)
	}
	if n := pruned(); n != 1 {
		t.Errorf("%d requests without invites were deleted, want 1", n)
	}
}

// recorded inserts a request with this time.
func (b base) recorded(at time.Time) uuid.UUID {
	b.Helper()
	request := store.Request{
		ID: uuid.New(), FirmID: "acme", Source: "s", EventID: uuid.NewString(), Type: "T", Data: []byte(`{}`), Time: at,
		At: store.Position{Stream: epoch, Sequence: 1},
	}
	b.do(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.InsertRequests(ctx, []store.Request{request})
		return err
	})
	return request.ID
}
