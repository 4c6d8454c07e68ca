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

// Of several mails for one access, the newest counts: the one that was decided last (ADR 130). The statements here find
// out which one that is.

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

func compareAccesses(a, b Invite) int {
	return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
}

// Release ends the access that these invites began and that nobody has used, and frees the logins that open nothing
// else. It leaves an access alone that has changed since (it was used, removed, or the person was invited again). The
// row stays, as expired (ADR 13): it remembers the newest event that changed it, so that an older event can't revive
// the access when it is delivered again.
//
// If a newer mail for the access waits, the access does not end. It goes back to that mail's invite from now on. If the
// released mail may have arrived, its link stays the valid one until the newer mail leaves.
//
// The rows of access are locked by a statement of its own. Another worker may release the newer invite at this moment.
// Whoever comes second then sees what the first has done, so an access without any mail does end.
func (t *Tx) Release(ctx context.Context, invites []Invite, now time.Time) error {
	if len(invites) == 0 {
		return nil
	}
	args := accessesOf(invites)
	var batch pgx.Batch
	batch.Queue(`
		SELECT FROM access a JOIN unnest($1::text[], $2::text[], $3::text[]) AS i (firm_id, client_id, person)
			USING (firm_id, client_id, person)
		ORDER BY firm_id, client_id, person FOR UPDATE OF a`, args[1:4]...)
	batch.Queue(`
		WITH unused AS MATERIALIZED (
			SELECT a.firm_id, a.client_id, a.person, newer.invite_id AS newer, EXISTS (
				SELECT FROM attempts t WHERE t.invite_id = i.invite_id AND t.verdict = 'unknown') AS may_have_arrived
			FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
				AS i (invite_id, firm_id, client_id, person, decided_at)
			JOIN access a USING (firm_id, client_id, person, invite_id)
			LEFT JOIN LATERAL (
				SELECT n.invite_id FROM invites n WHERE `+newerMail+` AND n.invite_id <> ALL ($1)
				ORDER BY n.decided_at DESC LIMIT 1) newer ON true
			WHERE a.state = `+sqlInvited+`
		), passed_on AS (
			UPDATE access a SET invite_id = u.newer, version = version + 1 FROM unused u
			WHERE a.firm_id = u.firm_id AND a.client_id = u.client_id AND a.person = u.person
			  AND u.newer IS NOT NULL AND NOT u.may_have_arrived
		), ended AS (
			UPDATE access a SET state = `+sqlExpired+`, expires_at = $6, version = version + 1 FROM unused u
			WHERE a.firm_id = u.firm_id AND a.client_id = u.client_id AND a.person = u.person AND u.newer IS NULL
			RETURNING a.firm_id, a.client_id, a.person, a.email
		)
		DELETE FROM logins l USING ended e
		WHERE l.firm_id = e.firm_id AND l.email = e.email AND l.person = e.person
		  AND NOT EXISTS (
			SELECT FROM access other
			WHERE other.firm_id = e.firm_id AND other.person = e.person AND other.email = e.email AND other.state `+isInForce+`
			  AND (other.client_id, other.person) NOT IN (SELECT client_id, person FROM ended WHERE ended.firm_id = e.firm_id))`,
		append(args, now)...)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("release access: %w", err)
	}
	return nil
}

// SwitchLinks makes the links of resends the valid ones, after their mails have left. The old links no longer open
// anything. If a mail that was decided later has left before, its link stays the valid one.
func (t *Tx) SwitchLinks(ctx context.Context, resends []Invite) error {
	if len(resends) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		WITH newest AS (
			SELECT DISTINCT ON (firm_id, client_id, person) *
			FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
				AS i (invite_id, firm_id, client_id, person, decided_at)
			ORDER BY firm_id, client_id, person, decided_at DESC
		)
		UPDATE access a SET invite_id = i.invite_id, version = version + 1 FROM newest i
		WHERE a.firm_id = i.firm_id AND a.client_id = i.client_id AND a.person = i.person AND a.state `+isInForce+`
		  AND NOT EXISTS (
			SELECT FROM invites valid
			WHERE valid.invite_id = a.invite_id AND valid.state = `+sqlSent+` AND valid.decided_at > i.decided_at)`,
		accessesOf(resends)...)
	if err != nil {
		return fmt.Errorf("switch to the links of resends: %w", err)
	}
	return nil
}
