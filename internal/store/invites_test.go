package store_test

import (
	"errors"
	"testing"

	"portal-invites/internal/store"
)

// If two workers write the same invite, the second decides again on what the first has written.
func TestAnInviteThatAnotherWorkerHasWrittenIsAConflict(t *testing.T) {
	t.Parallel()
	b := open(t)
	invites := invitesOf(b.recorded(now), 2)
	insert := func(list []store.Invite) (err error) {
		_ = b.Tx(t.Context(), func(tx *store.Tx) error {
			if err = tx.InsertInvites(t.Context(), list); err != nil {
				return errEnough
			}
			return nil
		})
		return err
	}
	if err := insert(invites[:1]); err != nil {
		t.Fatal(err)
	}
	if err := insert(invites); !errors.Is(err, store.ErrConflict) {
		t.Errorf("written again: %v", err)
	}
	worker := b.worker()
	_ = b.Tx(t.Context(), func(tx *store.Tx) error {
		attempts := []store.Attempt{{InviteID: invites[0].ID, Number: 1, MessageID: "m"}}
		if err := tx.InsertSending(t.Context(), worker, invites[:1], attempts, now); !errors.Is(err, store.ErrConflict) {
			t.Errorf("written again, to be sent: %v", err)
		}
		return errEnough
	})
}
