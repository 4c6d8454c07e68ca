package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxReminders is how often the pipeline reminds somebody of one invite.
const MaxReminders = 2

// Reminder is an invite that nobody has used for as long as its firm gives people.
type Reminder struct {
	Invite Invite // whose link is the valid one
	Number int    // of the reminder that is due, from 1
}

// RemindersDue takes up to n invites whose reminder is due, notes it, and holds them until the transaction ends. Whichever
// worker comes first has it.
func (t *Tx) RemindersDue(ctx context.Context, now time.Time, n int) ([]Reminder, error) {
	rows, err := t.tx.Query(ctx, `
		WITH due AS (
			SELECT a.firm_id, a.client_id, a.person
			FROM firms f CROSS JOIN LATERAL (
				SELECT a.firm_id, a.client_id, a.person FROM access a JOIN invites i USING (invite_id)
				WHERE a.firm_id = f.firm_id AND a.state = 'invited' AND a.reminders < 2 AND i.state = 'sent'
				  AND a.mailed_at <= $1::timestamptz - f.remind_after AND coalesce(a.reminded_at, '-infinity') <= $1::timestamptz - f.remind_after AND a.expires_at > $1
				ORDER BY a.mailed_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED) a
			WHERE f.remind_after IS NOT NULL LIMIT $2
		), noted AS (
			UPDATE access a SET reminders = reminders + 1, reminded_at = $1
			FROM due d WHERE a.firm_id = d.firm_id AND a.client_id = d.client_id AND a.person = d.person
			RETURNING a.invite_id, a.reminders
		)
		SELECT noted.reminders, `+inviteColumns+` FROM noted JOIN invites USING (invite_id)`, now, n)
	if err != nil {
		return nil, fmt.Errorf("find due reminders: %w", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Reminder, error) {
		var r Reminder
		var err error
		r.Invite, err = scanInvite(afterColumns{row, []any{&r.Number}})
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("find due reminders: %w", err)
	}
	return due, nil
}

// afterColumns is a row with more columns before those of an invite.
type afterColumns struct {
	pgx.CollectableRow
	before []any
}

func (r afterColumns) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append(r.before, dest...)...)
}
