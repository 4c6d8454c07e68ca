package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// Reservation is what a decision to send takes for a person: the access to a portal, and the login that goes with it.
type Reservation struct {
	rules.AccessKey
	Access rules.Access // the new state; its Version is one more than the version that was read
	At     Position     // of the request
}

// Reserve writes reservations. It returns [ErrConflict] if an access has changed since it was read, or if another
// person has the login. The keys of the table decide between workers; the rule email_shared only explains.
func (t *Tx) Reserve(ctx context.Context, reservations []Reservation, now time.Time) error {
	if len(reservations) == 0 {
		return nil
	}
	var batch pgx.Batch
	queueAccessReservations(&batch, sorted(reservations, compareReservations))
	queueLoginReservations(&batch, reservations, now)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	return nil
}

func compareReservations(a, b Reservation) int {
	return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
}

func queueAccessReservations(batch *pgx.Batch, reservations []Reservation) {
	batch.Queue(`
		INSERT INTO access AS old (firm_id, client_id, person, email, state, invite_id, invited_at, mailed_at, expires_at,
			version, stream, sequence)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
			$8::timestamptz[], $9::timestamptz[], $10::int[], $11::timestamptz[], $12::bigint[])
		ON CONFLICT (firm_id, client_id, person) DO UPDATE SET
			email = excluded.email, state = excluded.state, invite_id = excluded.invite_id, invited_at = excluded.invited_at,
			mailed_at = excluded.mailed_at, expires_at = excluded.expires_at, removed_at = NULL, removed_why = '',
			version = excluded.version,
			reminders = CASE WHEN old.invite_id = excluded.invite_id THEN old.reminders ELSE 0 END, again = NULL,
			stream = greatest(old.stream, excluded.stream),
			sequence = CASE WHEN old.stream = excluded.stream THEN greatest(old.sequence, excluded.sequence)
			                WHEN old.stream > excluded.stream THEN old.sequence ELSE excluded.sequence END
		WHERE old.version = excluded.version - 1`,
		column(reservations, func(r Reservation) string { return r.FirmID }),
		column(reservations, func(r Reservation) string { return r.ClientID }),
		column(reservations, func(r Reservation) string { return string(r.Person) }),
		column(reservations, func(r Reservation) string { return r.Access.Email }),
		column(reservations, func(r Reservation) string { return string(r.Access.State) }),
		column(reservations, func(r Reservation) *string { return nonEmpty(r.Access.InviteID) }),
		column(reservations, func(r Reservation) *time.Time { return orNull(r.Access.InvitedAt) }),
		column(reservations, func(r Reservation) *time.Time { return orNull(r.Access.MailedAt) }),
		column(reservations, func(r Reservation) *time.Time { return orNull(r.Access.ExpiresAt) }),
		column(reservations, func(r Reservation) int { return r.Access.Version }),
		column(reservations, func(r Reservation) time.Time { return r.At.Stream }),
		column(reservations, func(r Reservation) int64 { return int64(r.At.Sequence) }),
	).Exec(func(tag pgconn.CommandTag) error {
		return wrote(tag.RowsAffected(), len(reservations), "access", nil)
	})
}

// lockAccesses locks accesses in the order of their keys, so that two workers can't wait for each other in a circle.
const lockAccesses = `
	SELECT FROM access a JOIN unnest($1::text[], $2::text[], $3::text[]) AS i (firm_id, client_id, person)
		USING (firm_id, client_id, person)
	ORDER BY firm_id, client_id, person FOR UPDATE OF a`

// Release ends the access that these invites began and that nobody has used, and frees the logins that open nothing
// else. It leaves an access alone that has changed since (it was used, removed, or the person was invited again). The
// row stays, as expired (ADR 13): it remembers the newest event that changed it, so that an older event can't revive
// the access when it is delivered again.
//
// If a newer mail for the access waits, the access does not end. It goes back to that mail's invite from now on. If the
// released mail may have arrived, its link stays the valid one until the newer mail leaves.
//
// If the link before a resend is the valid one still, it ends when its own mail says. The access was valid for longer
// only as long as the resend might have left ([Tx.ExpireDue]).
//
// The rows of access and of logins are locked by statements of their own, in the order of their keys. Another worker
// may release the newer invite at this moment. Whoever comes second then sees what the first has done, so an access
// without any mail does end.
func (t *Tx) Release(ctx context.Context, invites []Invite, now time.Time) error {
	if len(invites) == 0 {
		return nil
	}
	args := accessesOf(invites)
	var batch pgx.Batch
	batch.Queue(lockAccesses, args[1:4]...)
	batch.Queue(`
		SELECT FROM logins l JOIN access a USING (firm_id, email, person)
			JOIN unnest($1::text[], $2::text[], $3::text[]) AS i (firm_id, client_id, person) USING (firm_id, client_id, person)
		WHERE NOT EXISTS ( -- a login that stays is not locked: whoever waits for it may have another access of the person
			SELECT FROM access other
			WHERE other.firm_id = a.firm_id AND other.person = a.person AND other.email = a.email AND other.state `+isInForce+`
			  AND (other.client_id, other.person) NOT IN (
				SELECT * FROM unnest($2::text[], $3::text[]) AS also (client_id, person)))
		ORDER BY l.firm_id, l.email FOR UPDATE OF l`, args[1:4]...)
	batch.Queue(`
		WITH unused AS MATERIALIZED (
			SELECT a.firm_id, a.client_id, a.person, newer.invite_id AS newer, EXISTS (
				SELECT FROM attempts t WHERE t.invite_id = i.invite_id AND t.verdict = 'unknown') AS may_have_arrived
			FROM `+invitesNow+` i
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
		append(slices.Clone(args), now)...)
	batch.Queue(`
		UPDATE access a SET expires_at = valid.expires_at, version = version + 1
		FROM `+invitesNow+` i, invites valid
		WHERE a.firm_id = i.firm_id AND a.client_id = i.client_id AND a.person = i.person AND a.invite_id <> i.invite_id
		  AND a.state = `+sqlInvited+` AND valid.invite_id = a.invite_id AND valid.state = `+sqlSent+`
		  AND valid.expires_at < a.expires_at`, args...)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("release access: %w", err)
	}
	return nil
}

// ReviveLink makes the newest link before a resend's the valid one again, because the resend's mail has come back. Such
// a link was sent since the access began, and has neither failed nor expired. The access ends with that link again. It
// says whether there was one.
func (t *Tx) ReviveLink(ctx context.Context, resend Invite, now time.Time) (bool, error) {
	tag, err := t.tx.Exec(ctx, `
		UPDATE access a SET invite_id = before.invite_id, version = version + 1,
			expires_at = CASE WHEN a.state = `+sqlInvited+` THEN before.expires_at END
		FROM (
			SELECT i.invite_id, i.expires_at FROM access a JOIN invites i USING (firm_id, client_id, person)
			WHERE a.firm_id = $1 AND a.client_id = $2 AND a.person = $3 AND i.invite_id <> $4
			  AND i.state = `+sqlSent+` AND i.sent_at >= a.invited_at AND i.sent_at <= $5 AND i.expires_at > $6
			  AND i.email_normal = a.email
			ORDER BY i.sent_at DESC, i.invite_id LIMIT 1) before
		WHERE a.firm_id = $1 AND a.client_id = $2 AND a.person = $3 AND a.invite_id = $4 AND a.state `+isInForce,
		resend.FirmID, resend.ClientID, resend.Person, resend.ID, resend.SentAt, now)
	if err != nil {
		return false, fmt.Errorf("revive the link before a resend: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// SwitchLinks makes the links of resends the valid ones, after their mails have left. The old links no longer open
// anything, and pending access and its login last as long as the new link (ADR 141). If a mail that was decided later
// has left before, its link stays the valid one.
func (t *Tx) SwitchLinks(ctx context.Context, resends []Invite) error {
	if len(resends) == 0 {
		return nil
	}
	resends = sorted(resends, compareAccesses)
	args := accessesOf(resends)
	var batch pgx.Batch
	batch.Queue(lockAccesses, args[1:4]...)
	batch.Queue(`
		WITH newest AS (
			SELECT DISTINCT ON (firm_id, client_id, person) i.*, e.expires_at FROM `+invitesNow+` i
			JOIN unnest($1::uuid[], $6::timestamptz[]) AS e (invite_id, expires_at) USING (invite_id)
			ORDER BY firm_id, client_id, person, decided_at DESC
		)
		UPDATE access a SET invite_id = i.invite_id, version = version + 1,
			expires_at = CASE WHEN a.state = `+sqlInvited+` THEN i.expires_at END FROM newest i
		WHERE a.firm_id = i.firm_id AND a.client_id = i.client_id AND a.person = i.person AND a.state `+isInForce+`
		  AND NOT EXISTS (
			SELECT FROM invites valid
			WHERE valid.invite_id = a.invite_id AND valid.state = `+sqlSent+` AND valid.decided_at > i.decided_at)`,
		append(slices.Clone(args), column(resends, func(i Invite) *time.Time { return orNull(i.ExpiresAt) }))...)
	queueKeptLogins(&batch, args[1:4])
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("switch to the links of resends: %w", err)
	}
	return nil
}

// Activate turns a locked access from invited to active, and gives the login to the person for good. It returns
// [ErrConflict] if another person has the login, which can't happen while the invite is valid.
func (t *Tx) Activate(ctx context.Context, key rules.AccessKey, now time.Time) (AccessChange, error) {
	changes, err := t.accessChanges(ctx, "activate access", `
		UPDATE access SET state = `+sqlActive+`, last_login_at = $4, login_told = NULL, expires_at = NULL,
			version = version + 1
		WHERE firm_id = $1 AND client_id = $2 AND person = $3 AND state = `+sqlInvited+`
		RETURNING firm_id, client_id, person, email, invite_id, `+sqlInvited+`, version`,
		key.FirmID, key.ClientID, key.Person, now)
	if err != nil {
		return AccessChange{}, err
	}
	if err := wrote(int64(len(changes)), 1, "activate access", nil); err != nil {
		return AccessChange{}, err
	}
	var batch pgx.Batch
	forGood := Reservation{AccessKey: key, Access: rules.Access{Email: changes[0].Email}} // it has no ExpiresAt
	queueLoginReservations(&batch, []Reservation{forGood}, now)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return AccessChange{}, fmt.Errorf("hold the login: %w", err)
	}
	changes[0].LoggedInAt = now
	return changes[0], nil
}

// EndDeclined ends a locked access that is pending, because its person has declined. It returns what it has changed, or
// nil if the access was not pending.
func (t *Tx) EndDeclined(ctx context.Context, key rules.AccessKey, now time.Time) (*AccessChange, error) {
	changes, err := t.accessChanges(ctx, "end declined access", `
		UPDATE access SET state = `+sqlExpired+`, expires_at = $4, version = version + 1
		WHERE firm_id = $1 AND client_id = $2 AND person = $3 AND state = `+sqlInvited+` AND expires_at > $4
		RETURNING firm_id, client_id, person, email, invite_id, `+sqlInvited+`, version`,
		key.FirmID, key.ClientID, string(key.Person), now)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	return &changes[0], t.FreeLogins(ctx, loginsOf(changes))
}

// NoteLogin records that a person with a locked access has logged in again (ADR 23). A later login that is already
// recorded stays. The version stays, too: no decision depends on the time of a login.
func (t *Tx) NoteLogin(ctx context.Context, key rules.AccessKey, at time.Time) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE access SET last_login_at = greatest(last_login_at, $4),
			login_told = CASE WHEN last_login_at > $4 THEN login_told END
		WHERE firm_id = $1 AND client_id = $2 AND person = $3 AND state = `+sqlActive,
		key.FirmID, key.ClientID, key.Person, at)
	if err != nil {
		return fmt.Errorf("note a login: %w", err)
	}
	return nil
}

const (
	// grantAccess makes access active, and gives each person the login if nobody else has it. It returns what it has
	// changed.
	grantAccess = `
		WITH grants AS (
			SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::text[],
				$7::timestamptz[], $9::timestamptz[]) WITH ORDINALITY
				AS g (firm_id, client_id, person, stream, sequence, email, granted_at, told, n)
		), before AS MATERIALIZED (
			SELECT g.n, a.state, coalesce(a.state = ` + sqlExpired + ` AND g.granted_at < a.expires_at, false) AS in_time
			FROM grants g LEFT JOIN LATERAL (
				SELECT state, expires_at FROM access a
				WHERE a.firm_id = g.firm_id AND a.client_id = g.client_id AND a.person = g.person LIMIT 1) a ON true
		), granted AS (
			INSERT INTO access AS old (
				firm_id, client_id, person, email, invited_at, state, last_login_at, login_told, version, stream, sequence)
			SELECT firm_id, client_id, person, email, granted_at, ` + sqlActive + `, granted_at, told, 1, stream, sequence
			FROM grants ORDER BY n
			ON CONFLICT (firm_id, client_id, person) DO UPDATE SET
				email = CASE WHEN old.state ` + isInForce + ` AND old.email <> '' THEN old.email ELSE excluded.email END,
				last_login_at = CASE WHEN old.state = ` + sqlActive + `
					THEN greatest(old.last_login_at, excluded.last_login_at) ELSE excluded.last_login_at END,
				login_told = CASE WHEN old.state = ` + sqlActive + ` AND old.last_login_at > excluded.last_login_at
					THEN old.login_told ELSE excluded.login_told END,
				-- A link that was revoked with the access stays revoked.
				invite_id = CASE WHEN old.state = ` + sqlRemoved + ` THEN NULL ELSE old.invite_id END,
				state = ` + sqlActive + `, expires_at = NULL, removed_at = NULL, removed_why = '',
				version = old.version + 1, stream = excluded.stream, sequence = excluded.sequence
			WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id, client_id, person, email, invite_id, version
		), held AS (
			INSERT INTO logins AS old (firm_id, email, person, held_until)
			SELECT firm_id, email, person, '9999-01-01Z' FROM granted WHERE email <> '' ORDER BY firm_id, email
			ON CONFLICT (firm_id, email) DO UPDATE SET person = excluded.person, held_until = excluded.held_until
			WHERE old.person = excluded.person OR old.held_until <= $8
		)
		SELECT firm_id, client_id, person, granted.email, invite_id, coalesce(before.state, ''), granted.version,
			grants.granted_at, before.in_time
		FROM granted JOIN grants USING (firm_id, client_id, person) JOIN before USING (n)
		WHERE before.state IS DISTINCT FROM ` + sqlActive

	// forgetLostLogins takes the email from access whose login another person has.
	forgetLostLogins = `
		WITH lost AS MATERIALIZED (
			SELECT g.*, (
				SELECT a.email FROM access a
				WHERE a.firm_id = g.firm_id AND a.client_id = g.client_id AND a.person = g.person
				  AND (a.stream, a.sequence) = (g.stream, g.sequence) AND a.state = ` + sqlActive + `
				  AND NOT EXISTS (SELECT FROM logins l WHERE l.firm_id = a.firm_id AND l.email = a.email AND l.person = a.person)
				) AS email
			FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
				AS g (firm_id, client_id, person, stream, sequence)
		)
		UPDATE access a SET email = '' FROM lost l
		WHERE l.email <> '' AND a.firm_id = l.firm_id AND a.client_id = l.client_id AND a.person = l.person`
)

// takeBack makes access pending again that facts have ended, if the stream has a login before those facts. The login
// comes late. So it finds the access as it was at its place (ADR 127). The rows are locked.
var takeBack = `
	UPDATE access a SET state = ` + sqlInvited + `, removed_at = NULL, removed_why = '', version = version + 1
	FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
		AS g (firm_id, client_id, person, stream, sequence)
	WHERE a.firm_id = g.firm_id AND a.client_id = g.client_id AND a.person = g.person AND ` + endedSince("g")

// grant writes grants. No two of them may concern the same access or the same login.
func (t *Tx) grant(ctx context.Context, round []grantedLogin, now time.Time) (changes []AccessChange, err error) {
	round = sorted(round, func(a, b grantedLogin) int {
		return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
	})
	keys := []any{
		column(round, func(l grantedLogin) string { return l.FirmID }),
		column(round, func(l grantedLogin) string { return l.ClientID }),
		column(round, func(l grantedLogin) string { return string(l.Person) }),
		column(round, func(l grantedLogin) time.Time { return l.at.Stream }),
		column(round, func(l grantedLogin) int64 { return int64(l.at.Sequence) }),
	}
	var batch pgx.Batch
	batch.Queue(lockAccesses, keys[:3]...)
	batch.Queue(takeBack, keys...)
	batch.Queue(grantAccess, append(slices.Clone(keys),
		column(round, func(l grantedLogin) string { return l.email }),
		column(round, func(l grantedLogin) time.Time { return l.grantedAt }), now,
		column(round, func(l grantedLogin) *time.Time { return orNull(l.reported) }))...,
	).Query(func(rows pgx.Rows) (err error) {
		changes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c AccessChange, err error) {
			return c, row.Scan(&c.FirmID, &c.ClientID, &c.Person, &c.Email, &c.InviteID, &c.From, &c.Version, &c.LoggedInAt,
				&c.InTime)
		})
		return err
	})
	// Only now is it certain who has the login: another worker may have been first.
	batch.Queue(forgetLostLogins, keys...)
	batch.Queue(takeBackDeclines, append(slices.Clone(keys[:3]),
		column(round, func(l grantedLogin) time.Time { return l.grantedAt }))...)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("grant access: %w", changedMeanwhile(err))
	}
	return changes, nil
}

// changedMeanwhile is an [ErrConflict] if a statement met a row twice (SQLSTATE 21000). An access that another worker
// has changed since it was read may have the login of another grant by now.
func changedMeanwhile(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == cardinalityViolation {
		return errors.Join(ErrConflict, err)
	}
	return err
}

// EndContact ends the access that a removed contact has to any portal, and frees the logins. It also ends what the
// person had as a guest, added by the contact's email; "" is no email. [Tx.EndClient] ends every access to a removed
// client's portal. Each removal is applied once, and only to access that is older than it. A removal may be delivered
// again, or late because another worker was faster with later facts; then it must not end an access that was given
// since.
func (t *Tx) EndContact(ctx context.Context, firmID, contactID, email string, at Position) ([]AccessChange, error) {
	return t.end(ctx, "contact", firmID, contactID,
		`a.person IN ('contact:' || $2, 'email:' || nullif($6, ''))`, at, email)
}

// EndClient is like [Tx.EndContact].
func (t *Tx) EndClient(ctx context.Context, firmID, clientID string, at Position) ([]AccessChange, error) {
	return t.end(ctx, "client", firmID, clientID, `a.client_id = $2 AND $6 = ''`, at, "")
}

func (t *Tx) end(
	ctx context.Context, thing, firmID, id, whose string, at Position, email string,
) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "end access", `
		WITH first AS (
			INSERT INTO removals AS old (firm_id, id, thing, stream, sequence) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (firm_id, thing, id) DO UPDATE SET stream = excluded.stream, sequence = excluded.sequence
			WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id
		), ending AS (
			SELECT a.firm_id, a.client_id, a.person, a.state FROM access a JOIN first USING (firm_id)
			WHERE `+whose+` AND a.state `+isInForce+` AND (a.stream, a.sequence) < ($4, $5)
			ORDER BY a.client_id, a.person FOR UPDATE OF a
		)
		UPDATE access a SET state = `+sqlRemoved+`, removed_at = ledger_now(), version = version + 1,
			stream = $4, sequence = $5
		FROM ending e WHERE a.firm_id = e.firm_id AND a.client_id = e.client_id AND a.person = e.person
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, e.state, a.version`,
		firmID, id, thing, at.Stream, int64(at.Sequence), email)
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// EndErased ends every access of a person who is erased, and frees their logins.
func (t *Tx) EndErased(ctx context.Context, e Erasing, at Position) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "end access of an erased person", `
		WITH ending AS (
			SELECT client_id, person, state FROM access WHERE firm_id = $1 AND person = ANY ($2) AND state `+isInForce+`
			ORDER BY client_id, person FOR UPDATE
		)
		UPDATE access a SET state = `+sqlRemoved+`, removed_at = ledger_now(), version = version + 1,
			stream = $3, sequence = $4
		FROM ending e WHERE a.firm_id = $1 AND a.client_id = e.client_id AND a.person = e.person
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, e.state, a.version`,
		e.FirmID, e.People, at.Stream, int64(at.Sequence))
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// These find the pending access that a batch of facts may end. Nearly always there is none, so they are simple: they
// take part in every import. OFFSET 0 and LIMIT 1 make Postgres look up each row by its key, whatever number of rows
// the planner expects. What only the rows say is compared outside, so that no other index is read from end to end for
// each fact.
const (
	pendingOfContacts = `
		SELECT f.firm_id, a.client_id, a.person
		FROM unnest($1::text[], $2::text[], $3::text[]) AS f (firm_id, contact_id, email)
		CROSS JOIN LATERAL (
			SELECT client_id, person, email, state FROM access
			WHERE firm_id = f.firm_id AND person = 'contact:' || f.contact_id OFFSET 0) a
		WHERE a.state = ` + sqlInvited + ` AND a.email <> f.email`

	pendingOnClients = `
		SELECT f.firm_id, f.client_id, a.person FROM unnest($1::text[], $2::text[]) AS f (firm_id, client_id)
		CROSS JOIN LATERAL (
			SELECT person, state FROM access WHERE firm_id = f.firm_id AND client_id = f.client_id OFFSET 0) a
		CROSS JOIN LATERAL (
			SELECT contact_ids FROM clients WHERE firm_id = f.firm_id AND client_id = f.client_id LIMIT 1) c
		WHERE a.state = ` + sqlInvited + ` AND a.person LIKE 'contact:%' AND substr(a.person, 9) <> ALL (c.contact_ids)`
)

// queuePending adds the statements that find the pending access which a batch of facts may end, to found.
func queuePending(batch *pgx.Batch, facts *Facts, found *[]rules.AccessKey) {
	keep := func(rows pgx.Rows) error {
		keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[rules.AccessKey])
		*found = append(*found, keys...)
		return err
	}
	contacts := facts.contacts.list(func(c contactFact) bool { return !c.removed })
	if len(contacts) > 0 {
		batch.Queue(pendingOfContacts,
			column(contacts, func(f factRow[contactFact]) string { return f.firmID }),
			column(contacts, func(f factRow[contactFact]) string { return f.id }),
			column(contacts, func(f factRow[contactFact]) string { return f.fact.Email.Normal })).Query(keep)
	}
	clients := facts.clients.list(func(c clientFact) bool { return !c.removed })
	if len(clients) > 0 {
		batch.Queue(pendingOnClients,
			column(clients, func(f factRow[clientFact]) string { return f.firmID }),
			column(clients, func(f factRow[clientFact]) string { return f.id })).Query(keep)
	}
}

// endByFacts ends pending access that does not agree with the stored facts (ADR 120): the access of a contact whose
// email is not the login, or whom the client does not list. It compares what is stored, and not what has changed. So
// the order in which facts arrive makes no difference.
//
//   - An access that was decided on newer facts is left alone.
//   - So is an access of which no mail can be anywhere yet: its invite is asked about once more before the mail leaves.
//     Its row is locked all the same. Otherwise the mail could leave on the facts from before.
//   - So is one whose person logs in by a fact of this batch that comes first in the stream ([Facts.LoggedIn]).
//
// The position of the access stays, and the place of the fact that ended it is noted. A login that the stream has
// between the two and that arrives later takes the access back (takeBack).
func (t *Tx) endByFacts(ctx context.Context, keys []rules.AccessKey, logins []loginFact) ([]AccessChange, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	changes, err := collect(ctx, t, "end access by facts", func(row pgx.CollectableRow) (AccessChange, error) {
		c := AccessChange{From: rules.Invited}
		var sequence int64
		err := row.Scan(&c.FirmID, &c.ClientID, &c.Person, &c.Email, &c.InviteID, &c.Why, &c.EndedBy.Stream, &sequence,
			&c.Version)
		c.EndedBy.Sequence = uint64(sequence)
		return c, err
	}, endingByFacts,
		column(keys, func(k rules.AccessKey) string { return k.FirmID }),
		column(keys, func(k rules.AccessKey) string { return k.ClientID }),
		column(keys, func(k rules.AccessKey) string { return string(k.Person) }),
		column(logins, func(l loginFact) string { return l.firmID }),
		column(logins, func(l loginFact) string { return l.clientID }),
		column(logins, func(l loginFact) string { return l.contactID }),
		column(logins, func(l loginFact) string { return l.email }),
		column(logins, func(l loginFact) time.Time { return l.at.Stream }),
		column(logins, func(l loginFact) int64 { return int64(l.at.Sequence) }))
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// wrongByFacts finds the pending access among keys ($1, $2, $3) that does not agree with the facts. lock is a clause,
// or "" for a transaction that only reads.
func wrongByFacts(lock string) string {
	return `
	WITH facts AS (
		SELECT p.firm_id, p.client_id, p.person, k.contact_id, k.email_normal, k.emails_before, k.stream AS email_stream,
			k.sequence AS email_sequence, k.contact_id = ANY (c.contact_ids) AS listed, c.contact_ids, c.contacts_before,
			c.stream AS list_stream, c.sequence AS list_sequence
		FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) AS p (firm_id, client_id, person)) p
		CROSS JOIN LATERAL (
			SELECT contact_id, email_normal, emails_before, stream, sequence FROM contacts
			WHERE firm_id = p.firm_id AND contact_id = substr(p.person, 9) AND NOT removed LIMIT 1) k
		CROSS JOIN LATERAL (
			SELECT contact_ids, contacts_before, stream, sequence FROM clients
			WHERE firm_id = p.firm_id AND client_id = p.client_id AND NOT removed LIMIT 1) c
	), wrong AS (
		SELECT a.firm_id, a.client_id, a.person, ended.stream AS ended_stream, ended.sequence AS ended_sequence,
			CASE WHEN f.listed THEN '` + string(rules.ByEmailChange) + `' ELSE '` + string(rules.ByLeaving) + `' END AS why,
			i.state = ` + sqlQueued + ` AND i.held_at IS NULL AND NOT EXISTS (
				SELECT FROM attempts WHERE attempts.invite_id = i.invite_id AND verdict = 'unknown') AS unsent
		FROM facts f JOIN access a USING (firm_id, client_id, person) JOIN invites i USING (invite_id)
		CROSS JOIN LATERAL (SELECT
			a.email <> f.email_normal AND (a.stream, a.sequence) < (f.email_stream, f.email_sequence) AS moved,
			NOT f.listed AND (a.stream, a.sequence) < (f.list_stream, f.list_sequence) AS gone) since
		CROSS JOIN LATERAL (
			SELECT * FROM (VALUES (since.moved, f.email_stream, f.email_sequence), (since.gone, f.list_stream, f.list_sequence))
				AS e (applies, stream, sequence)
			WHERE e.applies ORDER BY e.stream, e.sequence LIMIT 1) ended
		WHERE a.state = ` + sqlInvited + ` AND (since.moved OR since.gone) AND NOT EXISTS (
			SELECT FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::bigint[])
				AS l (firm_id, client_id, contact_id, email, stream, sequence)
			WHERE l.firm_id = a.firm_id AND l.client_id = a.client_id
			  AND (a.person = 'contact:' || l.contact_id OR l.contact_id = '' AND l.email = a.email)
			  AND (l.stream, l.sequence) > (a.stream, a.sequence) AND (l.stream, l.sequence) < (ended.stream, ended.sequence)
			  AND ` + emailAt("f", "l") + ` = a.email AND f.contact_id = ANY (` + listAt("f", "l") + `))
		ORDER BY a.firm_id, a.client_id, a.person ` + lock + `
	)`
}

var endingByFacts = wrongByFacts("FOR UPDATE OF a, i") + `
	UPDATE access a SET state = ` + sqlRemoved + `, removed_at = ledger_now(), removed_why = w.why,
		ended_stream = w.ended_stream, ended_sequence = w.ended_sequence, version = version + 1,
		again = (SELECT '' FROM firms f WHERE f.firm_id = a.firm_id AND f.invite_again)
	FROM wrong w
	WHERE a.firm_id = w.firm_id AND a.client_id = w.client_id AND a.person = w.person AND NOT w.unsent
	RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, w.why, w.ended_stream, w.ended_sequence,
		a.version`

// Removal is what a request to remove access asks for.
type Removal struct {
	FirmID, ClientID string
	Persons          []rules.Person
	At               Position
	Requeued         bool // it ends only access that is older than At
}

// Remove ends people's access to a client's portal, and frees the logins that open nothing else.
func (t *Tx) Remove(ctx context.Context, r Removal) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "remove access", `
		WITH confirmed AS ( -- it ended by itself; now somebody has removed it, too
			UPDATE access SET removed_why = '', version = version + 1,
				stream = greatest(stream, $4),
				sequence = CASE WHEN stream = $4 THEN greatest(sequence, $5) WHEN stream > $4 THEN sequence ELSE $5 END
			WHERE firm_id = $1 AND client_id = $2 AND person = ANY ($3) AND state = `+sqlRemoved+` AND removed_why <> ''
			  AND (NOT $6 OR (stream, sequence) < ($4, $5))
		), ending AS (
			SELECT firm_id, client_id, person, state FROM access
			WHERE firm_id = $1 AND client_id = $2 AND person = ANY ($3)
			  AND state IN (`+sqlInvited+`, `+sqlActive+`, `+sqlExpired+`) AND (NOT $6 OR (stream, sequence) < ($4, $5))
			ORDER BY person FOR UPDATE
		)
		UPDATE access a SET state = `+sqlRemoved+`, removed_at = ledger_now(), version = version + 1,
			stream = greatest(a.stream, $4),
			sequence = CASE WHEN a.stream = $4 THEN greatest(a.sequence, $5) WHEN a.stream > $4 THEN a.sequence ELSE $5 END
		FROM ending e WHERE a.firm_id = e.firm_id AND a.client_id = e.client_id AND a.person = e.person
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, e.state, a.version`,
		r.FirmID, r.ClientID, r.Persons, r.At.Stream, int64(r.At.Sequence), r.Requeued)
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// ExpireDue ends up to n accesses whose time is over, and frees their logins. An invite whose mail has not left yet
// does not expire: its time begins again when the mail leaves. If a resend is being sent at this moment, or if nobody
// knows whether it has left, the access lasts as long as the resend's link (ADR 141).
func (t *Tx) ExpireDue(ctx context.Context, now time.Time, n int) ([]AccessChange, error) {
	changes, err := t.accessChanges(ctx, "expire invites", `
		WITH due AS MATERIALIZED (
			SELECT a.firm_id, a.client_id, a.person, a.email, a.state, `+mayHaveLeft+` AS longer,
				EXISTS (SELECT `+lastingLonger+` AND n.state = `+sqlSending+`) AS leaving -- look again when that is over
			FROM access a
			WHERE a.state = `+sqlInvited+` AND a.expires_at <= $1
			  AND NOT EXISTS (SELECT FROM invites i WHERE i.invite_id = a.invite_id AND i.state `+isOnItsWay+`)
			ORDER BY a.expires_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED
		), logins_kept AS MATERIALIZED (
			SELECT l.firm_id, l.email, d.longer FROM logins l JOIN due d USING (firm_id, email, person)
			WHERE d.longer IS NOT NULL ORDER BY l.firm_id, l.email FOR UPDATE OF l
		), kept AS (
			UPDATE logins l SET held_until = greatest(l.held_until, k.longer) FROM logins_kept k
			WHERE l.firm_id = k.firm_id AND l.email = k.email AND l.held_until < k.longer
		), prolonged AS (
			UPDATE access a SET expires_at = d.longer, version = version + 1 FROM due d JOIN logins_kept USING (firm_id, email)
			WHERE a.firm_id = d.firm_id AND a.client_id = d.client_id AND a.person = d.person
			  AND d.longer IS NOT NULL AND NOT d.leaving
			RETURNING a.firm_id, a.client_id, a.person
		)
		UPDATE access a SET state = `+sqlExpired+`, version = version + 1
		FROM due d WHERE a.firm_id = d.firm_id AND a.client_id = d.client_id AND a.person = d.person AND NOT d.leaving
		  AND NOT EXISTS (SELECT FROM prolonged p
			WHERE p.firm_id = d.firm_id AND p.client_id = d.client_id AND p.person = d.person)
		RETURNING a.firm_id, a.client_id, a.person, a.email, a.invite_id, d.state, a.version`,
		now, n)
	if err != nil {
		return nil, err
	}
	return changes, t.FreeLogins(ctx, loginsOf(changes))
}

// lastingLonger finds the invites (n) whose mails are newer than the one to which an access (a) goes back, and whose
// links last longer than $1.
const lastingLonger = `
	FROM invites valid JOIN invites n USING (firm_id, person, client_id)
	WHERE valid.invite_id = a.invite_id AND n.decided_at > valid.decided_at AND n.expires_at > $1`

// mayHaveLeft is when the link of a newer mail ends that may have left by $1. It is null if there is none.
const mayHaveLeft = `(SELECT max(n.expires_at) ` + lastingLonger + ` AND (
	n.state = ` + sqlSending + ` OR n.state = ` + sqlQueued + ` AND EXISTS (
		SELECT FROM attempts t WHERE t.invite_id = n.invite_id AND t.verdict = 'unknown')))`

// Reached is an invite whose pending access a new email of the contact has ended, and that email.
type Reached struct {
	Invite Invite
	Email  string // normal form
}

// afterNewEmail is how long a new email is left alone before somebody is invited again. A login that the stream has
// before it may come late (ADR 127), and an email is often corrected twice.
const afterNewEmail = `interval '10 seconds'`

// The condition on access is that of its index access_to_invite_again.
var endedByNewEmail = `
	WITH due AS (
		SELECT a.firm_id, a.client_id, a.person, a.now
		FROM firms f CROSS JOIN LATERAL (
			SELECT a.firm_id, a.client_id, a.person, k.email_normal AS now
			FROM access a JOIN contacts k ON k.firm_id = a.firm_id AND k.contact_id = substr(a.person, 9)
			WHERE a.firm_id = f.firm_id AND a.again IS NOT NULL AND a.removed_why = '` + string(rules.ByEmailChange) + `'
			  AND a.state = ` + sqlRemoved + ` AND a.removed_at <= ledger_now() - ` + afterNewEmail + `
			  AND NOT k.removed AND k.email_normal NOT IN ('', a.email, a.again)
			LIMIT $1 FOR UPDATE OF a SKIP LOCKED) a
		WHERE f.invite_again LIMIT $1
	), noted AS (
		UPDATE access a SET again = d.now
		FROM due d WHERE a.firm_id = d.firm_id AND a.client_id = d.client_id AND a.person = d.person
		RETURNING a.invite_id, a.again
	)
	SELECT noted.again, ` + inviteColumns + ` FROM noted JOIN invites USING (invite_id)`

// EndedByNewEmail takes up to n invites whose pending access a new email has ended, at firms that want to invite again.
// It notes the email, so that each invite and email is taken once.
func (t *Tx) EndedByNewEmail(ctx context.Context, n int) ([]Reached, error) {
	return collect(ctx, t, "find invites that a new email has ended", func(row pgx.CollectableRow) (Reached, error) {
		var r Reached
		var err error
		r.Invite, err = scanInvite(afterColumns{row, []any{&r.Email}})
		return r, err
	}, endedByNewEmail, n)
}

// mergeRank orders two accesses (a) of one person to one portal: the larger one is kept. An active access comes first,
// then one whose mail has left, then one whose mail waits.
const mergeRank = `CASE WHEN a.state = ` + sqlActive + ` THEN 3 WHEN a.state <> ` + sqlInvited + ` THEN 0
	WHEN EXISTS (SELECT FROM invites i WHERE i.invite_id = a.invite_id AND i.state = ` + sqlSent + `) THEN 2 ELSE 1 END`

// queueMergedAccess moves the access of a merged contact (from) to the contact that it was merged into. If both have
// access to one portal, the one that is further along is kept, and of two alike, the one of the contact that stays. An
// access is as new as the merge then: an older fact about the other contact must not end it (ADR 120).
func queueMergedAccess(batch *pgx.Batch, firmID string, from, into rules.Person, at Position) {
	args := []any{firmID, from, into}
	batch.Queue(`
		SELECT FROM access WHERE firm_id = $1 AND person IN ($2, $3) ORDER BY client_id, person FOR UPDATE`, args...)
	moved := append(slices.Clone(args), at.Stream, int64(at.Sequence))
	batch.Queue(`
		WITH ranks AS MATERIALIZED (
			SELECT a.client_id, a.person, `+mergeRank+` AS rank FROM access a WHERE a.firm_id = $1 AND a.person IN ($2, $3)
		), met AS MATERIALIZED (
			SELECT f.client_id, f.rank > i.rank AS moves, f.rank > 0 AND i.rank > 0 AS in_force
			FROM ranks f JOIN ranks i USING (client_id) WHERE f.person = $2 AND i.person = $3
		)
		UPDATE access i SET
			email = CASE WHEN b.moves THEN f.email ELSE i.email END,
			state = CASE WHEN b.moves THEN f.state ELSE i.state END,
			-- The link of the other one goes on opening the portal, if the access that is kept has none.
			invite_id = CASE WHEN b.moves AND f.invite_id IS NOT NULL THEN f.invite_id
				WHEN b.in_force THEN coalesce(i.invite_id, f.invite_id) WHEN b.moves THEN NULL ELSE i.invite_id END,
			invited_at = CASE WHEN b.moves THEN f.invited_at ELSE i.invited_at END,
			mailed_at = greatest(f.mailed_at, i.mailed_at),
			expires_at = CASE WHEN b.moves THEN f.expires_at ELSE i.expires_at END,
			removed_at = CASE WHEN b.moves THEN f.removed_at ELSE i.removed_at END,
			removed_why = CASE WHEN b.moves THEN f.removed_why ELSE i.removed_why END,
			ended_stream = CASE WHEN b.moves THEN f.ended_stream ELSE i.ended_stream END,
			ended_sequence = CASE WHEN b.moves THEN f.ended_sequence ELSE i.ended_sequence END,
			last_login_at = greatest(f.last_login_at, i.last_login_at),
			reminders = CASE WHEN b.moves THEN f.reminders ELSE i.reminders END,
			reminded_at = greatest(f.reminded_at, i.reminded_at),
			version = greatest(f.version, i.version) + 1,
			stream = newest.stream, sequence = newest.sequence
		FROM met b JOIN access f ON f.firm_id = $1 AND f.person = $2 AND f.client_id = b.client_id
		CROSS JOIN LATERAL (
			SELECT stream, sequence FROM (
				SELECT stream, sequence FROM access
				WHERE firm_id = $1 AND person IN ($2, $3) AND client_id = b.client_id
				UNION ALL SELECT $4::timestamptz, $5::bigint) p
			ORDER BY stream DESC, sequence DESC LIMIT 1) newest
		WHERE i.firm_id = $1 AND i.person = $3 AND i.client_id = b.client_id`, moved...)
	batch.Queue(`
		DELETE FROM access f USING access i
		WHERE f.firm_id = $1 AND f.person = $2 AND i.firm_id = $1 AND i.person = $3 AND i.client_id = f.client_id`, args...)
	batch.Queue(`
		UPDATE access SET person = $3, version = version + 1, stream = greatest(stream, $4),
			sequence = CASE WHEN stream = $4 THEN greatest(sequence, $5) WHEN stream > $4 THEN sequence ELSE $5 END
		WHERE firm_id = $1 AND person = $2`, moved...)
}
