package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// AccessChange is an access that has changed its state, for whoever tells of it.
type AccessChange struct {
	FirmID, ClientID string
	Person           rules.Person
	Email            string        // the login, normal form
	InviteID         uuid.NullUUID // whose link opened it; none where the person was not invited here
	From             rules.AccessState
}

func scanAccessChange(row pgx.CollectableRow) (AccessChange, error) {
	var c AccessChange
	err := row.Scan(&c.FirmID, &c.ClientID, &c.Person, &c.Email, &c.InviteID, &c.From)
	return c, err
}

func (t *Tx) accessChanges(ctx context.Context, what, sql string, args ...any) ([]AccessChange, error) {
	rows, err := t.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	changes, err := pgx.CollectRows(rows, scanAccessChange)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return changes, nil
}

// Grant makes a person's access active: a contact's, or that of whoever uses the email. It returns the change; none where an
// event that is not older has had its say (a removal, another grant), or where it was active before: then only the newer
// position is noted, which keeps a removal between the two that comes late from ending it, and the login if none was later. A
// login that another person holds now, by an invite or in use, stays with that person, whose link must go on working; the
// access then has none of its own.
func (t *Tx) Grant(ctx context.Context, firmID, clientID, contactID string, email rules.Email, grantedAt time.Time, at Position, now time.Time) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "grant access", `
		WITH who AS (
			SELECT coalesce(nullif($3, ''), (
				SELECT k.contact_id FROM clients c JOIN contacts k ON k.firm_id = c.firm_id AND k.contact_id = ANY (c.contact_ids)
				WHERE c.firm_id = $1 AND c.client_id = $2 AND NOT c.removed AND NOT k.removed AND k.email_normal = $4
				ORDER BY k.contact_id LIMIT 1)) AS contact_id
		), login AS (
			SELECT CASE WHEN who.contact_id IS NULL THEN 'email:' || $4 ELSE 'contact:' || who.contact_id END AS person,
			       coalesce(nullif($4, ''), k.email_normal, '') AS email
			FROM who LEFT JOIN contacts k ON k.firm_id = $1 AND k.contact_id = who.contact_id
			WHERE NOT EXISTS (
				SELECT FROM removals r WHERE r.firm_id = $1 AND (r.stream, r.sequence) > ($6::timestamptz, $7::bigint)
				  AND (r.thing = 'client' AND r.id = $2 OR r.thing = 'contact' AND r.id = who.contact_id))
		), before AS (
			SELECT a.state FROM access a JOIN login ON a.person = login.person WHERE a.firm_id = $1 AND a.client_id = $2
		), granted AS (
			INSERT INTO access AS old (firm_id, client_id, person, email, state, invited_at, last_login_at, version, stream, sequence)
			SELECT $1, $2, person, email, 'active', $5, $5, 1, $6, $7 FROM login
			ON CONFLICT (firm_id, client_id, person) DO UPDATE SET
				email = CASE WHEN old.state IN ('invited', 'active') AND old.email <> '' THEN old.email ELSE excluded.email END,
				last_login_at = CASE WHEN old.state = 'active' THEN greatest(old.last_login_at, excluded.last_login_at) ELSE excluded.last_login_at END,
				invite_id = CASE WHEN old.state = 'removed' THEN NULL ELSE old.invite_id END, -- a link that was taken away stays so
				state = 'active', expires_at = NULL, removed_at = NULL,
				version = old.version + 1, stream = excluded.stream, sequence = excluded.sequence
			WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id, client_id, person, email, invite_id
		), held AS (
			INSERT INTO logins AS old (firm_id, email, person, held_until)
			SELECT firm_id, email, person, '9999-01-01Z' FROM granted WHERE email <> ''
			ON CONFLICT (firm_id, email) DO UPDATE SET person = excluded.person, held_until = excluded.held_until
			WHERE old.person = excluded.person OR old.held_until <= $8
		)
		SELECT firm_id, client_id, person, email, invite_id, coalesce((SELECT state FROM before), '') FROM granted
		WHERE NOT EXISTS (SELECT FROM before WHERE state = 'active')`,
		firmID, clientID, contactID, email.Normal, grantedAt, at.Stream, int64(at.Sequence), now)
	if err != nil {
		return nil, err
	}
	// Only now is it certain who holds the login: another worker may have been first.
	_, err = t.tx.Exec(ctx, `
		UPDATE access a SET email = '' WHERE firm_id = $1 AND client_id = $2 AND (stream, sequence) = ($3, $4) AND state = 'active' AND email <> ''
		  AND NOT EXISTS (SELECT FROM logins l WHERE l.firm_id = a.firm_id AND l.email = a.email AND l.person = a.person)`,
		firmID, clientID, at.Stream, int64(at.Sequence))
	if err != nil {
		return nil, fmt.Errorf("leave a login to its holder: %w", err)
	}
	return changes, nil
}

// EndContact ends the access that a removed contact has to any portal, and frees the logins. EndClient ends everybody's
// access to a removed client's portal. Both do so once for a removal, and to access that is older than it: one that comes
// again, or comes late because another worker was faster with what stands behind it, must not touch an access given since.
func (t *Tx) EndContact(ctx context.Context, firmID, contactID string, at Position) ([]AccessChange, error) {
	return t.end(ctx, "contact", firmID, contactID, `a.person = 'contact:' || $2`, at)
}

// EndClient is like [Tx.EndContact].
func (t *Tx) EndClient(ctx context.Context, firmID, clientID string, at Position) ([]AccessChange, error) {
	return t.end(ctx, "client", firmID, clientID, `a.client_id = $2`, at)
}

func (t *Tx) end(ctx context.Context, thing, firmID, id, whose string, at Position) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "end access", `
		WITH first AS (
			INSERT INTO removals AS old (firm_id, id, thing, stream, sequence) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (firm_id, thing, id) DO UPDATE SET stream = excluded.stream, sequence = excluded.sequence
			WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id
		), ending AS (
			SELECT a.firm_id, a.client_id, a.person, a.state FROM access a JOIN first USING (firm_id)
			WHERE `+whose+` AND a.state IN ('invited', 'active') AND (a.stream, a.sequence) < ($4, $5) ORDER BY a.client_id, a.person FOR UPDATE OF a
		)
		UPDATE access a SET state = 'removed', removed_at = now(), version = version + 1, stream = $4, sequence = $5
		FROM ending e WHERE a.firm_id = e.firm_id AND a.client_id = e.client_id AND a.person = e.person
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, e.state`,
		firmID, id, thing, at.Stream, int64(at.Sequence))
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// Remove ends people's access to a client's portal, and frees the logins that open nothing else.
func (t *Tx) Remove(ctx context.Context, firmID, clientID string, persons []rules.Person, at Position) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "remove access", `
		WITH ending AS (
			SELECT firm_id, client_id, person, state FROM access
			WHERE firm_id = $1 AND client_id = $2 AND person = ANY ($3) AND state IN ('invited', 'active', 'expired')
			ORDER BY person FOR UPDATE
		)
		UPDATE access a SET state = 'removed', removed_at = now(), version = version + 1,
			stream = greatest(a.stream, $4),
			sequence = CASE WHEN a.stream = $4 THEN greatest(a.sequence, $5) WHEN a.stream > $4 THEN a.sequence ELSE $5 END
		FROM ending e WHERE a.firm_id = e.firm_id AND a.client_id = e.client_id AND a.person = e.person
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, e.state`,
		firmID, clientID, persons, at.Stream, int64(at.Sequence))
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// ExpireDue ends up to n invites whose time is over, and frees their logins. An invite whose mail has not left yet is not
// expired: it begins anew when it leaves.
func (t *Tx) ExpireDue(ctx context.Context, now time.Time, n int) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "expire invites", `
		WITH due AS (
			SELECT a.firm_id, a.client_id, a.person, a.state FROM access a
			WHERE a.state = 'invited' AND a.expires_at <= $1
			  AND NOT EXISTS (SELECT FROM invites i WHERE i.invite_id = a.invite_id AND i.state IN ('queued', 'sending'))
			ORDER BY a.expires_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED
		)
		UPDATE access a SET state = 'expired', version = version + 1
		FROM due d WHERE a.firm_id = d.firm_id AND a.client_id = d.client_id AND a.person = d.person
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, d.state`,
		now, n)
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

func loginsOf(changes []AccessChange) []HeldLogin {
	return column(changes, func(c AccessChange) HeldLogin {
		return HeldLogin{EmailKey: rules.EmailKey{FirmID: c.FirmID, Email: c.Email}, Person: c.Person}
	})
}
