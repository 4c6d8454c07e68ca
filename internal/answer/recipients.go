package answer

import (
	"context"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// Recipients lists the recipients of a run, with what became of each. It returns [store.ErrNotFound] if the firm has no
// such run.
func (a *Answers) Recipients(ctx context.Context, f store.RecipientFilter, limit int) (list []store.Status, err error) {
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		kind, request, err := tx.RequestOfRun(ctx, f.FirmID, f.RunID)
		if err != nil {
			return err
		}
		if f.First, f.Last = ledger.EveryInviteID(); kind != store.ReplayRun {
			f.First, f.Last = ledger.InviteIDsOf(request)
		}
		list, err = tx.RunRecipients(ctx, kind, f, limit)
		return err
	})
	return list, err
}
