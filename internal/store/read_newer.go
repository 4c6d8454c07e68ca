package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Of several mails for one access, the newest counts: the one that was decided last (ADR 130).

// newerMail finds the newest mail (n) for the access of an invite (i) that was decided after it, and that waits or has
// left. It is to be written after FROM invites n WHERE.
const newerMail = `n.firm_id = i.firm_id AND n.person = i.person AND n.client_id = i.client_id
	AND n.decided_at > i.decided_at AND n.state IN (` + sqlQueued + `, ` + sqlSending + `, ` + sqlSent + `)`

// NewerMails says of which invites a newer mail for the same access waits or has left.
func (t *Tx) NewerMails(ctx context.Context, invites []Invite) (map[uuid.UUID]rules.Newer, error) {
	rows, err := t.tx.Query(ctx, `
		SELECT i.invite_id, newer.state = `+sqlSent+`
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
			AS i (invite_id, firm_id, client_id, person, decided_at)
		CROSS JOIN LATERAL (
			SELECT n.state FROM invites n WHERE `+newerMail+` ORDER BY n.decided_at DESC LIMIT 1) newer`,
		accessesOf(invites)...)
	if err != nil {
		return nil, fmt.Errorf("find newer mails: %w", err)
	}
	newer := map[uuid.UUID]rules.Newer{}
	var id uuid.UUID
	var left bool
	_, err = pgx.ForEachRow(rows, []any{&id, &left}, func() error {
		newer[id] = rules.NewerWaits
		if left {
			newer[id] = rules.NewerLeft
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find newer mails: %w", err)
	}
	return newer, nil
}

// accessesOf names the accesses of invites by arrays: invite, firm, client, person, and when it was decided. They are
// in the order in which rows of access are locked.
func accessesOf(invites []Invite) []any {
	invites = sorted(invites, compareAccesses)
	return []any{
		column(invites, func(i Invite) uuid.UUID { return i.ID }),
		column(invites, func(i Invite) string { return i.FirmID }),
		column(invites, func(i Invite) string { return i.ClientID }),
		column(invites, func(i Invite) string { return string(i.Person) }),
		column(invites, func(i Invite) time.Time { return i.DecidedAt }),
	}
}

// invitesNow reads the arrays of [accessesOf] ($1 to $5). A contact may have been merged since an invite was read.
var invitesNow = `(
	SELECT u.invite_id, u.firm_id, u.client_id, ` + personNow("u.firm_id", "u.person") + ` AS person, u.decided_at
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
		AS u (invite_id, firm_id, client_id, person, decided_at))`

func compareAccesses(a, b Invite) int {
	return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
}

// LockWaiting locks invites that are about to be overtaken, until the transaction ends. It returns [ErrConflict] if one
// of them does not wait any more. So no mail leaves for an invite that was overtaken while it was claimed.
func (t *Tx) LockWaiting(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	tag, err := t.tx.Exec(ctx, `
		SELECT FROM invites WHERE invite_id = ANY ($1) AND state = `+sqlQueued+` AND held_at IS NULL
		ORDER BY invite_id FOR UPDATE`, ids)
	return wrote(tag.RowsAffected(), len(ids), "lock overtaken invites", err)
}
