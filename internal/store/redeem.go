package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// LockAccess reads the access that an invite is about, and holds it until the transaction ends, so that of two who redeem a
// link at once one is the first. It returns nil where there is none.
func (t *Tx) LockAccess(ctx context.Context, key rules.AccessKey) (*rules.Access, error) {
	return t.readAccess(ctx, "lock access", key, ` FOR UPDATE`)
}

// FindAccess reads the access that an invite is about; nil where there is none.
func (t *Tx) FindAccess(ctx context.Context, key rules.AccessKey) (*rules.Access, error) {
	return t.readAccess(ctx, "find access", key, "")
}

func (t *Tx) readAccess(ctx context.Context, what string, key rules.AccessKey, lock string) (*rules.Access, error) {
	found, err := collect(ctx, t, what, func(row pgx.CollectableRow) (rules.Access, error) {
		var a rules.Access
		var invited, mailed, expires *time.Time
		err := row.Scan(&a.State, &a.InviteID, &a.Email, &invited, &mailed, &expires, &a.Version)
		a.InvitedAt, a.MailedAt, a.ExpiresAt = orZero(invited), orZero(mailed), orZero(expires)
		return a, err
	}, `SELECT state, coalesce(invite_id::text, ''), email, invited_at, mailed_at, expires_at, version FROM access
		WHERE firm_id = $1 AND client_id = $2 AND person = $3`+lock, key.FirmID, key.ClientID, key.Person)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Activate makes a locked access that stands as invited active, and its login the person's for good. [ErrConflict] if somebody
// else holds the login, which cannot be while the invite is valid.
func (t *Tx) Activate(ctx context.Context, key rules.AccessKey, now time.Time) (AccessChange, error) {
	changes, err := t.accessChanges(ctx, "activate access", `
		UPDATE access SET state = 'active', last_login_at = $4, expires_at = NULL, version = version + 1
		WHERE firm_id = $1 AND client_id = $2 AND person = $3 AND state = 'invited'
		RETURNING firm_id, client_id, person, email, invite_id, 'invited'`,
		key.FirmID, key.ClientID, key.Person, now)
	if err != nil {
		return AccessChange{}, err
	}
	if err := wrote(int64(len(changes)), 1, "activate access", nil); err != nil {
		return AccessChange{}, err
	}
	tag, err := t.tx.Exec(ctx, `
		INSERT INTO logins AS old (firm_id, email, person, held_until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (firm_id, email) DO UPDATE SET person = excluded.person, held_until = excluded.held_until
		WHERE old.person = excluded.person OR old.held_until <= $5`,
		key.FirmID, changes[0].Email, key.Person, rules.Forever, now)
	if err := wrote(tag.RowsAffected(), 1, "hold the login", err); err != nil {
		return AccessChange{}, err
	}
	return changes[0], nil
}

// NoteLogin records that somebody with a locked access has logged in again. What was told of a later login stays. It is no
// change that anybody who decides has to have seen, so the version stays as well.
func (t *Tx) NoteLogin(ctx context.Context, key rules.AccessKey, at time.Time) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE access SET last_login_at = greatest(last_login_at, $4) WHERE firm_id = $1 AND client_id = $2 AND person = $3 AND state = 'active'`,
		key.FirmID, key.ClientID, key.Person, at)
	if err != nil {
		return fmt.Errorf("note a login: %w", err)
	}
	return nil
}

// FindInvite reads an invite; [ErrNotFound] if there is none.
func (t *Tx) FindInvite(ctx context.Context, id uuid.UUID) (Invite, error) {
	found, err := t.LoadInvites(ctx, []uuid.UUID{id})
	if err != nil {
		return Invite{}, err
	}
	invite, ok := found[id]
	if !ok {
		return Invite{}, fmt.Errorf("invite %s: %w", id, ErrNotFound)
	}
	return invite, nil
}

// ClientName is what a client is called, or "" where nothing is known of it.
func (t *Tx) ClientName(ctx context.Context, firmID, clientID string) (string, error) {
	names, err := collect(ctx, t, "read a client's name", pgx.RowTo[string],
		`SELECT name FROM clients WHERE firm_id = $1 AND client_id = $2`, firmID, clientID)
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[0], nil
}
