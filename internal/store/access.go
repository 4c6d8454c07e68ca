package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// AccessChange is an access that has changed its state. The caller publishes an event about it.
type AccessChange struct {
	FirmID, ClientID string
	Person           rules.Person
	Email            string        // the login, normal form
	InviteID         uuid.NullUUID // the invite whose link opens the access; none if the person was not invited here
	From             rules.AccessState
	Version          int            // of the access, with this change
	Why              rules.EndedWhy // what no longer held, of an access that ended by itself; "" of any other change
	EndedBy          Position       // the fact because of which it no longer held; zero of any other change
	LoggedInAt       time.Time      // of a login
	InTime           bool           // the login of access that had expired was before its invite expired
}

func (c AccessChange) key() rules.AccessKey {
	return rules.AccessKey{FirmID: c.FirmID, ClientID: c.ClientID, Person: c.Person}
}

func scanAccessChange(row pgx.CollectableRow) (AccessChange, error) {
	var c AccessChange
	err := row.Scan(&c.FirmID, &c.ClientID, &c.Person, &c.Email, &c.InviteID, &c.From, &c.Version)
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

func loginsOf(changes []AccessChange) []ReservedLogin {
	return column(changes, func(c AccessChange) ReservedLogin {
		return ReservedLogin{EmailKey: rules.EmailKey{FirmID: c.FirmID, Email: c.Email}, Person: c.Person}
	})
}

// LockAccess reads the access that an invite is about, and locks it until the transaction ends. If two people redeem a
// link at the same time, the second one waits for the first. It returns nil if there is no access.
func (t *Tx) LockAccess(ctx context.Context, key rules.AccessKey) (*rules.Access, error) {
	return t.readAccess(ctx, "lock access", key, ` FOR UPDATE`)
}

// FindAccess reads the access that an invite is about, or nil if there is none.
func (t *Tx) FindAccess(ctx context.Context, key rules.AccessKey) (*rules.Access, error) {
	return t.readAccess(ctx, "find access", key, "")
}

func (t *Tx) readAccess(ctx context.Context, what string, key rules.AccessKey, lock string) (*rules.Access, error) {
	found, err := collect(ctx, t, what, func(row pgx.CollectableRow) (rules.Access, error) {
		var a rules.Access
		var invited, mailed, expires *time.Time
		err := row.Scan(&a.State, &a.InviteID, &a.Email, &invited, &mailed, &expires, &a.Version, &a.Why)
		a.InvitedAt, a.MailedAt, a.ExpiresAt = orZero(invited), orZero(mailed), orZero(expires)
		return a, err
	}, `SELECT state, coalesce(invite_id::text, ''), email, invited_at, mailed_at, expires_at, version, removed_why
		FROM access
		WHERE firm_id = $1 AND client_id = $2 AND person = $3`+lock, key.FirmID, key.ClientID, key.Person)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}
