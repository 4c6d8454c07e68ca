package answer

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// byLink is what ends a hold when the link is opened (ADR 35). It is stored where the operator's name is stored
// otherwise.
const byLink = "the link was opened"

// ErrNotHeld says that a firm has no such invite, or that the invite is not held.
var ErrNotHeld = errors.New("the invite is not held")

// Rule ends the hold of an invite with an operator's ruling. It returns [ErrNotHeld] if another ruling was first.
func (a *Answers) Rule(ctx context.Context, firm string, id uuid.UUID, ruling store.Ruling, by string) error {
	return a.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		held, err := tx.LockHeld(ctx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		if len(held) == 0 || held[0].FirmID != firm {
			return ErrNotHeld
		}
		switch ruling {
		case store.Arrived:
			return tx.Arrived(ctx, held, by)
		case store.SendAgain:
			return tx.SendAgain(ctx, held, by)
		}
		return fmt.Errorf("%q is not a ruling on a held invite", ruling)
	})
}
