package upkeep

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Causes that end a hold without an operator. They are stored where the operator's name is stored otherwise.
const (
	byResend  = "a resend has been sent since"
	bySetting = "INVITE_ON_UNKNOWN=resend"
)

const (
	heldBatch = 500
	// heldEvery is how long it may take until such a cause ends a hold.
	heldEvery = time.Second
)

// heldWatch looks for held invites of a lane that need no ruling any more (ADR 33). It looks at one page after the
// other, and then begins again. The goroutine of its stage owns it.
type heldWatch struct {
	Config
	after uuid.UUID // the last one looked at
}

func (h *heldWatch) look(ctx context.Context) (bool, error) {
	var page []store.HeldInvite
	err := h.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
		page, err = tx.HeldPage(ctx, h.Lane, h.after, heldBatch)
		if err != nil || len(page) == 0 {
			return err
		}
		return h.release(ctx, tx, page)
	})
	if err != nil {
		return false, err
	}
	h.after = uuid.UUID{}
	if len(page) == heldBatch {
		h.after = page[heldBatch-1].ID
	}
	loop.Wait(ctx, nil, heldEvery)
	return true, nil
}

// release ends the hold of those invites in page that need no operator:
//   - If a resend to the same person was sent since, the held mail counts as arrived. The person has the newer mail, so
//     the question no longer matters.
//   - Otherwise, if the worker now runs with INVITE_ON_UNKNOWN=resend, the invite comes due again. It is decided again
//     before a mail leaves.
//   - If it runs with INVITE_ON_UNKNOWN=hold, an invite is skipped if the rules no longer allow the mail. All others
//     stay held.
func (c Config) release(ctx context.Context, tx *ledger.Tx, page []store.HeldInvite) error {
	var overtaken, waiting []store.HeldInvite
	for _, h := range page {
		if h.Overtaken {
			overtaken = append(overtaken, h)
		} else {
			waiting = append(waiting, h)
		}
	}
	held, err := tx.StillHeld(ctx, overtaken)
	if err != nil {
		return err
	}
	if err := tx.Arrived(ctx, held, byResend); err != nil {
		return err
	}
	if c.HoldUnknown {
		return tx.WithdrawHeld(ctx, waiting)
	}
	if held, err = tx.StillHeld(ctx, waiting); err != nil {
		return err
	}
	return tx.SendAgain(ctx, held, bySetting)
}
