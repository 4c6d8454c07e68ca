package answer

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// recently is how far back the failures of a firm are counted.
const recently = 24 * time.Hour

// Trouble says what operators look at of each firm, those with the most trouble first.
func (a *Answers) Trouble(ctx context.Context, limit int) (list []store.FirmNow, err error) {
	since := a.Ledger.Now().Add(-recently)
	// A mail is tried for days before it fails. So an invite that failed recently may be that much older.
	first, _ := ledger.InviteIDsOf(store.Request{TimedIDs: true, Time: since.Add(-oldestFailing)})
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		list, err = tx.FirmsNow(ctx, since, first, limit)
		return err
	})
	return list, err
}

// oldestFailing is how old an invite may be that fails: it is tried for 72 hours, and may have waited before.
const oldestFailing = 6 * 24 * time.Hour
