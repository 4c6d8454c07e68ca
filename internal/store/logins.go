package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// ReservedLogin is a login and the person it is reserved for.
type ReservedLogin struct {
	rules.EmailKey
	Person rules.Person
}

// queueLoginReservations reserves each login once, until the last of its invites expires.
func queueLoginReservations(batch *pgx.Batch, reservations []Reservation, now time.Time) {
	type login struct {
		rules.EmailKey
		person rules.Person
		until  time.Time
	}
	longest := map[rules.EmailKey]login{}
	for _, r := range reservations {
		key, until := rules.EmailKey{FirmID: r.FirmID, Email: r.Access.Email}, r.Access.ExpiresAt
		if until.IsZero() {
			until = rules.Forever
		}
		if have, ok := longest[key]; !ok || have.until.Before(until) {
			longest[key] = login{key, r.Person, until}
		}
	}
	logins := make([]login, 0, len(longest))
	for _, l := range longest {
		logins = append(logins, l)
	}
	logins = sorted(logins, func(a, b login) int {
		return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.Email, b.Email))
	})
	batch.Queue(`
		INSERT INTO logins AS old (firm_id, email, person, held_until)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
		ON CONFLICT (firm_id, email) DO UPDATE SET
			person = excluded.person,
			held_until = CASE WHEN old.person = excluded.person
				THEN greatest(old.held_until, excluded.held_until) ELSE excluded.held_until END
		WHERE old.person = excluded.person OR old.held_until <= $5`,
		column(logins, func(l login) string { return l.FirmID }),
		column(logins, func(l login) string { return l.Email }),
		column(logins, func(l login) string { return string(l.person) }),
		column(logins, func(l login) time.Time { return l.until }),
		now).Exec(func(tag pgconn.CommandTag) error {
		return wrote(tag.RowsAffected(), len(logins), "logins", nil)
	})
}

// queueKeptLogins reserves the logins of pending accesses until these expire. keys are the firms, clients and persons
// of the accesses. It locks the logins in the order of their keys, as they are reserved.
func queueKeptLogins(batch *pgx.Batch, keys []any) {
	const pending = ` FROM access a JOIN unnest($1::text[], $2::text[], $3::text[]) AS i (firm_id, client_id, person)
		USING (firm_id, client_id, person) JOIN logins l USING (firm_id, email, person)
		WHERE a.state = ` + sqlInvited + ` AND l.held_until < a.expires_at`
	batch.Queue(`SELECT`+pending+` ORDER BY l.firm_id, l.email FOR UPDATE OF l`, keys...)
	batch.Queue(`
		UPDATE logins SET held_until = greatest(held_until, longest.until)
		FROM (SELECT l.firm_id, l.email, max(a.expires_at) AS until`+pending+` GROUP BY l.firm_id, l.email) longest
		WHERE logins.firm_id = longest.firm_id AND logins.email = longest.email`, keys...)
}

// FreeLogins frees logins that no longer open any portal. It locks them in the order of their keys, as they are
// reserved. A DELETE alone locks rows in the order of its plan.
func (t *Tx) FreeLogins(ctx context.Context, logins []ReservedLogin) error {
	if len(logins) == 0 {
		return nil
	}
	firms := column(logins, func(l ReservedLogin) string { return l.FirmID })
	emails := column(logins, func(l ReservedLogin) string { return l.Email })
	var batch pgx.Batch
	batch.Queue(`
		SELECT FROM logins l JOIN unnest($1::text[], $2::text[]) AS h (firm_id, email) USING (firm_id, email)
		ORDER BY l.firm_id, l.email FOR UPDATE OF l`, firms, emails)
	batch.Queue(`
		DELETE FROM logins l USING unnest($1::text[], $2::text[], $3::text[]) AS h (firm_id, email, person)
		WHERE l.firm_id = h.firm_id AND l.email = h.email AND l.person = h.person
		  AND NOT EXISTS (
			SELECT FROM access a
			WHERE a.firm_id = h.firm_id AND a.person = h.person AND a.email = h.email AND a.state `+isInForce+`)`,
		firms, emails, column(logins, func(l ReservedLogin) string { return string(l.Person) }))
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("free logins: %w", err)
	}
	return nil
}

// queueMergedLogins gives the logins of a merged contact to the contact that it was merged into, and adds all that this
// one has then. Some may open nothing any more.
func queueMergedLogins(batch *pgx.Batch, firmID string, from, into rules.Person, has *[]ReservedLogin) {
	batch.Queue(`
		WITH locked AS MATERIALIZED (
			SELECT email FROM logins WHERE firm_id = $1 AND person = $2 ORDER BY email FOR UPDATE
		)
		UPDATE logins l SET person = $3 FROM locked WHERE l.firm_id = $1 AND l.email = locked.email`, firmID, from, into)
	batch.Queue(`SELECT email FROM logins WHERE firm_id = $1 AND person = $2`, firmID, into).Query(
		func(rows pgx.Rows) error {
			emails, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, email := range emails {
				*has = append(*has, ReservedLogin{EmailKey: rules.EmailKey{FirmID: firmID, Email: email}, Person: into})
			}
			return err
		})
}
