package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// Claim is what a decision to send takes hold of: a person's access to a portal, and with it the login.
type Claim struct {
	rules.AccessKey
	Access rules.Access // as it is to be; its Version is one more than was seen
	At     Position     // of the request
}

func compareClaims(a, b Claim) int {
	return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
}

// Claim writes claims. [ErrConflict] if an access has changed since it was read, or a login is held by somebody else: the
// table's keys are the referee between workers, the rule email_shared only explains.
func (t *Tx) Claim(ctx context.Context, claims []Claim, now time.Time) error {
	if len(claims) == 0 {
		return nil
	}
	var batch pgx.Batch
	queueAccessClaims(&batch, sorted(claims, compareClaims))
	queueLoginClaims(&batch, claims, now)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

func queueAccessClaims(batch *pgx.Batch, claims []Claim) {
	batch.Queue(`
		INSERT INTO access AS old (firm_id, client_id, person, email, state, invite_id, invited_at, mailed_at, expires_at, version, stream, sequence)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[], $8::timestamptz[],
			$9::timestamptz[], $10::int[], $11::timestamptz[], $12::bigint[])
		ON CONFLICT (firm_id, client_id, person) DO UPDATE SET
			email = excluded.email, state = excluded.state, invite_id = excluded.invite_id, invited_at = excluded.invited_at,
			mailed_at = excluded.mailed_at, expires_at = excluded.expires_at, removed_at = NULL, version = excluded.version,
			reminders = CASE WHEN old.invite_id = excluded.invite_id THEN old.reminders ELSE 0 END,
			stream = greatest(old.stream, excluded.stream),
			sequence = CASE WHEN old.stream = excluded.stream THEN greatest(old.sequence, excluded.sequence)
			                WHEN old.stream > excluded.stream THEN old.sequence ELSE excluded.sequence END
		WHERE old.version = excluded.version - 1`,
		column(claims, func(c Claim) string { return c.FirmID }),
		column(claims, func(c Claim) string { return c.ClientID }),
		column(claims, func(c Claim) string { return string(c.Person) }),
		column(claims, func(c Claim) string { return c.Access.Email }),
		column(claims, func(c Claim) string { return string(c.Access.State) }),
		column(claims, func(c Claim) *string { return nonEmpty(c.Access.InviteID) }),
		column(claims, func(c Claim) *time.Time { return orNull(c.Access.InvitedAt) }),
		column(claims, func(c Claim) *time.Time { return orNull(c.Access.MailedAt) }),
		column(claims, func(c Claim) *time.Time { return orNull(c.Access.ExpiresAt) }),
		column(claims, func(c Claim) int { return c.Access.Version }),
		column(claims, func(c Claim) time.Time { return c.At.Stream }),
		column(claims, func(c Claim) int64 { return int64(c.At.Sequence) })).Exec(func(tag pgconn.CommandTag) error {
		return wrote(tag.RowsAffected(), len(claims), "access", nil)
	})
}

// queueLoginClaims takes each login once, until the last of the invites behind it expires.
func queueLoginClaims(batch *pgx.Batch, claims []Claim, now time.Time) {
	type held struct {
		rules.EmailKey
		person rules.Person
		until  time.Time
	}
	longest := map[rules.EmailKey]held{}
	for _, c := range claims {
		key, until := rules.EmailKey{FirmID: c.FirmID, Email: c.Access.Email}, c.Access.ExpiresAt
		if until.IsZero() {
			until = rules.Forever
		}
		if have, ok := longest[key]; !ok || have.until.Before(until) {
			longest[key] = held{key, c.Person, until}
		}
	}
	logins := make([]held, 0, len(longest))
	for _, l := range longest {
		logins = append(logins, l)
	}
	logins = sorted(logins, func(a, b held) int { return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.Email, b.Email)) })
	batch.Queue(`
		INSERT INTO logins AS old (firm_id, email, person, held_until)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
		ON CONFLICT (firm_id, email) DO UPDATE SET
			person = excluded.person,
			held_until = CASE WHEN old.person = excluded.person THEN greatest(old.held_until, excluded.held_until) ELSE excluded.held_until END
		WHERE old.person = excluded.person OR old.held_until <= $5`,
		column(logins, func(l held) string { return l.FirmID }),
		column(logins, func(l held) string { return l.Email }),
		column(logins, func(l held) string { return string(l.person) }),
		column(logins, func(l held) time.Time { return l.until }),
		now).Exec(func(tag pgconn.CommandTag) error {
		return wrote(tag.RowsAffected(), len(logins), "logins", nil)
	})
}

// Release ends the access that these invites began and that nobody has used, and frees the logins that open nothing else.
// An access that has moved on since (used, removed, invited anew) is left alone. The row stays: it remembers the newest
// event that had a say, so that an older one delivered again can't revive what is over.
func (t *Tx) Release(ctx context.Context, invites []Invite, now time.Time) error {
	if len(invites) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		WITH ended AS (
			UPDATE access a SET state = 'expired', expires_at = $5, version = version + 1
			FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS i (invite_id, firm_id, client_id, person)
			WHERE a.firm_id = i.firm_id AND a.client_id = i.client_id AND a.person = i.person
			  AND a.invite_id = i.invite_id AND a.state = 'invited'
			RETURNING a.firm_id, a.client_id, a.person, a.email
		)
		DELETE FROM logins l USING ended e
		WHERE l.firm_id = e.firm_id AND l.email = e.email AND l.person = e.person
		  AND NOT EXISTS (
			SELECT FROM access other
			WHERE other.firm_id = e.firm_id AND other.person = e.person AND other.email = e.email AND other.state IN ('invited', 'active')
			  AND (other.client_id, other.person) NOT IN (SELECT client_id, person FROM ended WHERE ended.firm_id = e.firm_id))`,
		column(invites, func(i Invite) uuid.UUID { return i.ID }),
		column(invites, func(i Invite) string { return i.FirmID }),
		column(invites, func(i Invite) string { return i.ClientID }),
		column(invites, func(i Invite) string { return string(i.Person) }),
		now)
	if err != nil {
		return fmt.Errorf("release access: %w", err)
	}
	return nil
}

// HeldLogin is a login and the person who holds it.
type HeldLogin struct {
	rules.EmailKey
	Person rules.Person
}

// FreeLogins gives up logins that open no portal any more.
func (t *Tx) FreeLogins(ctx context.Context, logins []HeldLogin) error {
	if len(logins) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		DELETE FROM logins l USING unnest($1::text[], $2::text[], $3::text[]) AS h (firm_id, email, person)
		WHERE l.firm_id = h.firm_id AND l.email = h.email AND l.person = h.person
		  AND NOT EXISTS (
			SELECT FROM access a
			WHERE a.firm_id = h.firm_id AND a.person = h.person AND a.email = h.email AND a.state IN ('invited', 'active'))`,
		column(logins, func(l HeldLogin) string { return l.FirmID }),
		column(logins, func(l HeldLogin) string { return l.Email }),
		column(logins, func(l HeldLogin) string { return string(l.Person) }))
	if err != nil {
		return fmt.Errorf("free logins: %w", err)
	}
	return nil
}

// SwitchLinks makes the links of resends the valid ones, once their mails have left: the old links end.
func (t *Tx) SwitchLinks(ctx context.Context, resends []Invite) error {
	if len(resends) == 0 {
		return nil
	}
	resends = sorted(resends, func(a, b Invite) int {
		return cmp.Or(cmp.Compare(a.FirmID, b.FirmID), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Person, b.Person))
	})
	_, err := t.tx.Exec(ctx, `
		UPDATE access a SET invite_id = i.invite_id, version = version + 1
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS i (invite_id, firm_id, client_id, person)
		WHERE a.firm_id = i.firm_id AND a.client_id = i.client_id AND a.person = i.person AND a.state IN ('invited', 'active')`,
		column(resends, func(i Invite) uuid.UUID { return i.ID }),
		column(resends, func(i Invite) string { return i.FirmID }),
		column(resends, func(i Invite) string { return i.ClientID }),
		column(resends, func(i Invite) string { return string(i.Person) }))
	if err != nil {
		return fmt.Errorf("switch to the links of resends: %w", err)
	}
	return nil
}
