package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// closedFirms is an array of the firms whose bulk mails must not leave at $2, in SQL: their hours are over, or not
// known yet. A statement computes it once. Claims end a minute before the hours do, because their mails leave after.
const closedFirms = `ARRAY(
	SELECT firm_id FROM firms WHERE send_hours <> ''
	  AND ($2 >= opens_at AND $2 < closes_at - interval '1 minute') IS NOT TRUE)`

// SendHours are a firm's hours, if it has any, with the window that is stored.
type SendHours struct {
	FirmID string
	rules.Hours
	Zone   *time.Location
	opens  time.Time // zero: not known yet
	closes time.Time
}

// WaitsUntil is when mails leave again that wait now. It is zero if they need not wait.
func (h SendHours) WaitsUntil(now time.Time) time.Time {
	if h.Hours == (rules.Hours{}) {
		return time.Time{}
	}
	opens, closes := h.Window(h.Zone, now)
	if !now.Before(closes.Add(-claimsEnd)) {
		opens, _ = h.Window(h.Zone, closes)
	}
	if opens.After(now) {
		return opens
	}
	return time.Time{}
}

// claimsEnd is how long before the end of a firm's hours the last claim is.
const claimsEnd = time.Minute

const hoursColumns = `firm_id, send_hours, time_zone, opens_at, closes_at`

func scanHours(row pgx.CollectableRow) (h SendHours, err error) {
	var hours, zone string
	var opens, closes *time.Time
	if err = row.Scan(&h.FirmID, &hours, &zone, &opens, &closes); err != nil || hours == "" {
		return h, err
	}
	h.opens, h.closes, h.Zone = orZero(opens), orZero(closes), rules.Location(zone)
	if h.Zone == nil {
		h.Zone = time.UTC // a zone that only another version of this program knows
	}
	h.Hours, err = rules.ParseHours(hours)
	return h, err
}

// HoursOf reads a firm's hours. They are zero if it has none, or is not known.
func (s *Store) HoursOf(ctx context.Context, firm string) (SendHours, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+hoursColumns+` FROM firms WHERE firm_id = $1`, firm)
	if err != nil {
		return SendHours{}, fmt.Errorf("read the hours of a firm: %w", err)
	}
	hours, err := pgx.CollectExactlyOneRow(rows, scanHours)
	if errors.Is(err, pgx.ErrNoRows) {
		return SendHours{}, nil
	}
	if err != nil {
		return SendHours{}, fmt.Errorf("read the hours of a firm: %w", err)
	}
	return hours, nil
}

// MoveHours gives each firm whose window of hours is over, or not known yet, its next window. It returns how many.
func (t *Tx) MoveHours(ctx context.Context, now time.Time) (n int, err error) {
	const what = "move the hours of firms"
	due, err := collect(ctx, t, what, scanHours, `
		SELECT `+hoursColumns+` FROM firms
		WHERE send_hours <> '' AND (closes_at - interval '1 minute' > $1) IS NOT TRUE
		ORDER BY firm_id FOR UPDATE SKIP LOCKED`, now)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	opens, closes := make([]time.Time, len(due)), make([]time.Time, len(due))
	for i, h := range due {
		from := now
		if h.closes.After(now) {
			from = h.closes
		}
		opens[i], closes[i] = h.Window(h.Zone, from)
	}
	_, err = t.tx.Exec(ctx, moveWindows,
		column(due, func(h SendHours) string { return h.FirmID }), opens, closes)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return len(due), nil
}
