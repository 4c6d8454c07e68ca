package store_test

import (
	"context"
	"testing"
	"time"

	"portal-invites/internal/store"
)

// On days on which clocks change, mails leave at the hours that a clock on the wall shows. A night postpones no mail by
// a write, so no mail can lose its day, or be postponed in a circle.
func TestMailsKeepToTheHoursOnDaysOfAChange(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.firmBy("acme", "")
	_, err := b.db.Exec(t.Context(), `UPDATE firms SET send_hours = '08:00-20:00', time_zone = 'America/New_York'`)
	b.must(err)
	b.queued(newRun(), store.BulkLane, 3)
	const times = `SELECT string_agg(next_attempt_at::text || revision, ' ' ORDER BY invite_id) FROM invites`
	before := query[string](b, times)
	zone, err := time.LoadLocation("America/New_York")
	b.must(err)
	isDue := func(at time.Time) bool {
		t.Helper()
		b.do(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.MoveHours(ctx, at)
			return err
		})
		due, err := b.AnyDue(t.Context(), store.Queue{Lane: store.BulkLane}, at)
		b.must(err)
		return due
	}
	for _, change := range []string{"2026-03-08", "2026-11-01", "2027-03-14", "2027-11-07"} {
		day, err := time.ParseInLocation(time.DateOnly, change, zone)
		b.must(err)
		noonBefore := time.Date(day.Year(), day.Month(), day.Day()-1, 12, 0, 0, 0, zone)
		open := map[int]int{} // how often mails may leave, by day
		for minute := range 36 * 60 {
			if minute%10 > 0 && minute%60 < 59 {
				continue // only the tens, and the last minute of an hour, in which claims may end
			}
			local := noonBefore.Add(time.Duration(minute) * time.Minute)
			clock := local.Format(time.TimeOnly)
			want := "08:00:00" <= clock && clock < "19:59:00"
			if got := isDue(local); got != want {
				t.Errorf("at %v mails are due: %v", local, got)
			}
			if want {
				open[local.Day()]++
			}
		}
		if want := 12*7 - 1; open[day.Day()] != want {
			t.Errorf("on %s mails leave at %d of %d times", change, open[day.Day()], want)
		}
	}
	if after := query[string](b, times); after != before {
		t.Errorf("the mails were %s, and are %s", before, after)
	}
}
