package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

// However long a held invite waits for a ruling, no claim takes it, and no backlog counts it.
func TestAHeldInviteIsNeverDue(t *testing.T) {
	t.Parallel()
	for lane, run := range map[store.Lane]uuid.NullUUID{store.IndividualLane: {}, store.BulkLane: newRun()} {
		t.Run(string(lane), func(t *testing.T) {
			t.Parallel()
			b := open(t)
			ids := b.queued(run, lane, 2)
			held, waiting := ids[0], ids[1]
			_, err := b.db.Exec(t.Context(), `UPDATE invites SET next_attempt_at = NULL, held_at = $2 WHERE invite_id = $1`,
				held, now)
			b.must(err)
			later := now.AddDate(9000, 0, 0)
			b.do(func(ctx context.Context, tx *store.Tx) error {
				due, _, err := tx.LockDue(ctx, store.Queue{Lane: lane}, 10, store.Turn{}, later)
				if len(due) != 1 || due[0].ID != waiting || due[0].Held() {
					t.Errorf("due: %+v, want only what is not held: internal/store/due.go", due)
				}
				return err
			})
			backlogs, err := b.Backlogs(t.Context(), lane, later)
			if err != nil || len(backlogs) != 1 || backlogs[0].Length != 1 {
				t.Errorf("the backlog is %+v, %v, want only what is not held: internal/store/due.go", backlogs, err)
			}
			_, err = b.db.Exec(t.Context(), `UPDATE invites SET next_attempt_at = $2 WHERE invite_id = $1`, held, now)
			if err == nil || !strings.Contains(err.Error(), "held_is_queued_and_never_due") {
				t.Errorf("a held invite was made due: %v", err)
			}
		})
	}
}
