package answer

import (
	"context"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Again is what would be decided now about an invite that did not go out.
type Again struct {
	rules.Decision
	TooOld bool // a replay leaves out its request, unless it is told otherwise
}

// DecideAgain asks the rules about stored invites again, each by itself, and writes nothing (ADR 132). It leaves out
// invites that do not exist.
func (a *Answers) DecideAgain(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Again, error) {
	again := map[uuid.UUID]Again{}
	if len(ids) == 0 {
		return again, nil
	}
	err := a.store().Read(ctx, func(tx *store.Tx) error {
		stored, err := tx.LoadInvites(ctx, ids)
		if err != nil {
			return err
		}
		invites := make([]store.Invite, 0, len(stored))
		for _, invite := range stored {
			invites = append(invites, invite)
		}
		candidates, err := ledger.CandidatesOf(ctx, tx, invites)
		if err != nil {
			return err
		}
		book, err := a.Ledger.LoadBook(ctx, tx, ledger.AsksOf(candidates))
		if err != nil {
			return err
		}
		now := a.Ledger.Now()
		for _, c := range candidates {
			c.Ask.Cancelled = ledger.CancelledOf(c.Invite)
			again[c.Invite.ID] = Again{
				Decision: book.Decide(c.Ask, now, a.Ledger.Policy),
				TooOld:   c.Request.Time.Before(now.Add(-events.DefaultMaxAge)),
			}
		}
		return nil
	})
	return again, err
}
