package store_test

import (
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

func TestLeftAlone(t *testing.T) {
	t.Parallel()
	b := open(t)
	for c, want := range map[struct {
		state   store.State
		settled bool
	}]bool{
		{store.Queued, false}:  true,
		{store.Sending, false}: true,
		{store.Sent, false}:    true,
		{store.Skipped, true}:  true,
		{store.Skipped, false}: false,
		{store.Failed, false}:  false,
	} {
		id := b.queued(uuid.NullUUID{}, store.IndividualLane, 1)[0]
		set := func(state store.State) {
			_, err := b.db.Exec(t.Context(), `UPDATE invites SET state = $2, settled = $3 WHERE invite_id = $1`,
				id, state, c.settled)
			b.must(err)
		}
		if c.state == store.Failed {
			set(store.Sending) // an invite fails only after it was being sent
		}
		set(c.state)
		unknown := uuid.New()
		found, err := b.LeftAlone(t.Context(), []uuid.UUID{id, unknown})
		b.must(err)
		if found[id] != want || found[unknown] {
			t.Errorf("%+v: left alone are %v, want this one: %v", c, found, want)
		}
	}
}
