package answer

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// byLink decides about a held invite by itself. It stands on record beside the names of people.
const byLink = "the link was opened"

// ErrNotHeld says that a firm has no such invite, or that it waits for nobody to decide.
var ErrNotHeld = errors.New("the invite is not held")

// Rule does with a held invite what somebody has decided. [ErrNotHeld] if another person was first.
func (a *Answers) Rule(ctx context.Context, firm string, id uuid.UUID, decision store.Ruling, by string) error {
	return a.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		held, err := tx.LockHeld(ctx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		if len(held) == 0 || held[0].FirmID != firm {
			return ErrNotHeld
		}
		switch decision {
		case store.Arrived:
			return tx.Arrived(ctx, held, by)
		case store.SendAgain:
			return tx.SendAgain(ctx, held, by)
		}
		return fmt.Errorf("%q is no decision about a held invite", decision)
	})
}
