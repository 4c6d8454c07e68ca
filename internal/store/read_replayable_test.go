package store_test

import (
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

func TestWhatIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := open(t)
	for stands, want := range map[struct {
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
		stand := func(state store.State) {
			_, err := b.db.Exec(t.Context(), `UPDATE invites SET state = $2, settled = $3 WHERE invite_id = $1`, id, state, stands.settled)
			b.must(err)
		}
		if stands.state == store.Failed {
			stand(store.Sending) // nothing fails before
		}
		stand(stands.state)
		unknown := uuid.New()
		found, err := b.LeftAlone(t.Context(), []uuid.UUID{id, unknown})
		b.must(err)
		if found[id] != want || found[unknown] {
			t.Errorf("%+v: left alone are %v, want this one: %v", stands, found, want)
		}
	}
}
