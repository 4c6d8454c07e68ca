package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Decline says that a mail was not meant for whoever reads an email.
type Decline struct {
	rules.EmailKey
	InviteID uuid.UUID // whose link declined
	rules.Declined
}

func compareDeclines(a, b Decline) int {
	return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.Email, b.Email))
}

// MailedTo returns the address (normal form) that a mail of an invite went to. local is the part of its Message-ID
// before the @. It is "" if no such mail was tried.
func (t *Tx) MailedTo(ctx context.Context, id uuid.UUID, local string) (string, error) {
	var email string
	err := t.tx.QueryRow(ctx, `
		SELECT coalesce(nullif(a.mailed_to, ''), i.email_normal)
		FROM attempts a JOIN invites i USING (invite_id)
		WHERE a.invite_id = $1 AND (starts_with(a.message_id, $2 || '@') OR starts_with(a.message_id, $2 || '.'))
		ORDER BY a.attempt DESC LIMIT 1`, id, local).Scan(&email)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("find where the mail of invite %s went: %w", id, err)
	}
	return email, nil
}

// Decline records declines, at most one of an email. It says whether it changes what may be sent to any. The click of a
// mail program does not weaken what a person has said before, and does not make it newer.
func (t *Tx) Decline(ctx context.Context, declines []Decline) (news bool, err error) {
	for _, d := range sorted(declines, compareDeclines) {
		var isNew bool
		err := t.tx.QueryRow(ctx, `
			WITH before AS (SELECT bulk_only FROM declines WHERE firm_id = $1 AND email = $2 FOR UPDATE),
			written AS (
				INSERT INTO declines AS old (firm_id, email, invite_id, bulk_only, declined_at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (firm_id, email) DO UPDATE SET
					invite_id = excluded.invite_id, bulk_only = false, declined_at = greatest(old.declined_at, excluded.declined_at)
				WHERE NOT excluded.bulk_only
			)
			SELECT NOT EXISTS (SELECT FROM before WHERE $4 OR NOT bulk_only)`,
			d.FirmID, d.Email, d.InviteID, d.BulkOnly, d.At).Scan(&isNew)
		if err != nil {
			return false, fmt.Errorf("record a decline: %w", err)
		}
		news = news || isNew
	}
	return news, nil
}

// TakeBackDecline forgets that an email has declined, because somebody has logged in with it since.
func (t *Tx) TakeBackDecline(ctx context.Context, key rules.EmailKey, loggedInAt time.Time) error {
	_, err := t.tx.Exec(ctx, `DELETE FROM declines WHERE firm_id = $1 AND email = $2 AND declined_at <= $3`,
		key.FirmID, key.Email, loggedInAt)
	if err != nil {
		return fmt.Errorf("take a decline back: %w", err)
	}
	return nil
}

// takeBackDeclines is like [Tx.TakeBackDecline], for the logins of grants.
const takeBackDeclines = `
	DELETE FROM declines d
	USING unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS g (firm_id, client_id, person, granted_at)
	JOIN access a USING (firm_id, client_id, person)
	WHERE a.state = ` + sqlActive + ` AND d.firm_id = a.firm_id AND d.email = a.email AND d.declined_at <= g.granted_at`
