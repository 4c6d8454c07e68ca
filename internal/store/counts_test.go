package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Two transactions have read the same counts. The second one to write them is told to decide again. So no limit is
// exceeded, however many workers there are.
func TestCountsThatHaveChangedAreAConflict(t *testing.T) {
	t.Parallel()
	b := open(t)
	now := time.Now()
	names, firms := [][]byte{[]byte("a mailbox")}, []string{"a"}
	mails := []rules.Counted{{FirmID: "a", Mail: "1", At: now, Left: now}}
	added := rules.Tally{{Last: now, N: 1}}
	for what, write := range map[string]func(ctx context.Context, tx *store.Tx, read store.LimitCounts) error{
		"a mailbox": func(ctx context.Context, tx *store.Tx, read store.LimitCounts) error {
			row := read.Mailboxes["a mailbox"]
			return tx.SaveMailCounts(ctx, []store.MailboxCount{{Name: names[0], Version: row.Version, Mails: mails}}, nil)
		},
		"added people": func(ctx context.Context, tx *store.Tx, read store.LimitCounts) error {
			return tx.SaveMailCounts(ctx, nil, []store.AddedCount{{FirmID: "a", Version: read.Added["a"].Version, Added: added}})
		},
		"a rate": func(ctx context.Context, tx *store.Tx, read store.LimitCounts) error {
			return tx.SaveRates(ctx, []store.RateCount{{
				FirmID: "a", Version: read.Rates["a"].Version, Rate: rules.FirmRate{Mails: added}, IndividualAt: now, BulkAt: now,
			}})
		},
	} {
		for range 2 { // of a row that is new, and of one that exists
			var read store.LimitCounts
			b.do(func(ctx context.Context, tx *store.Tx) (err error) {
				read, err = tx.LoadCounts(ctx, names, firms, firms)
				return err
			})
			b.do(func(ctx context.Context, tx *store.Tx) error { return write(ctx, tx, read) })
			b.do(func(ctx context.Context, tx *store.Tx) error {
				if err := write(ctx, tx, read); !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: the second one to write got %v, want a conflict", what, err)
				}
				return nil
			})
		}
	}
	b.must(b.ForgetMailCounts(t.Context(), now.Add(25*time.Hour)))
	b.do(func(ctx context.Context, tx *store.Tx) error {
		left, err := tx.LoadCounts(ctx, names, firms, firms)
		if n := len(left.Mailboxes) + len(left.Added) + len(left.Rates); n != 0 {
			t.Errorf("a day later, %d rows are left", n)
		}
		return err
	})
}
