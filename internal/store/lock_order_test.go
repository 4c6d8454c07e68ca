package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Two workers may release the same accesses, or switch their links, in opposite orders. They must not wait for each
// other in a circle, so each locks rows in the order of their keys. Here somebody has locked the first row.
func TestAccessAndLoginsAreLockedInTheOrderOfTheirKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lock string // locks the row of a number
		do   func(ctx context.Context, tx *store.Tx, invites []store.Invite) error
	}{
		"release, accesses": {
			`SELECT FROM access WHERE person = 'contact:' || $1::int FOR UPDATE NOWAIT`,
			func(ctx context.Context, tx *store.Tx, all []store.Invite) error { return tx.Release(ctx, all, now) },
		},
		"release, logins": {
			`SELECT FROM logins WHERE email = 'k' || $1::int || '@example.com' FOR UPDATE NOWAIT`,
			func(ctx context.Context, tx *store.Tx, all []store.Invite) error { return tx.Release(ctx, all, now) },
		},
		"switch links": {
			`SELECT FROM access WHERE person = 'contact:' || $1::int FOR UPDATE NOWAIT`,
			func(ctx context.Context, tx *store.Tx, all []store.Invite) error { return tx.SwitchLinks(ctx, all) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			invites := b.accesses()
			first, err := b.db.Begin(t.Context())
			b.must(err)
			defer func() { _ = first.Rollback(context.WithoutCancel(t.Context())) }()
			_, err = first.Exec(t.Context(), c.lock, 100)
			b.must(err)
			done := make(chan error, 1)
			go func() {
				done <- b.Tx(t.Context(), func(tx *store.Tx) error { return c.do(t.Context(), tx, invites) })
			}()
			b.waitsOrEnded(1, name, func() bool { return len(done) > 0 })
			other, err := b.db.Begin(t.Context())
			b.must(err)
			defer func() { _ = other.Rollback(context.WithoutCancel(t.Context())) }()
			for n := 101; n < 200; n++ {
				if _, err := other.Exec(t.Context(), c.lock, n); err != nil {
					t.Fatalf("row %d is locked before the first one (internal/store/access_write.go): %v", n, err)
				}
			}
			b.must(other.Rollback(t.Context()))
			b.must(first.Rollback(t.Context()))
			b.must(<-done)
		})
	}
}

// accesses gives a hundred people access and a login. It returns their invites. Persons and emails have opposite
// orders, and the rows are in the order of neither.
func (b base) accesses() []store.Invite {
	b.Helper()
	invites := make([]store.Invite, 100)
	for n := range invites {
		invites[n] = store.Invite{
			ID: uuid.New(), FirmID: "acme", ClientID: "c", Person: rules.Person(fmt.Sprintf("contact:%d", 199-n)),
			DecidedAt: now,
		}
		_, err := b.db.Exec(b.Context(), `
			INSERT INTO access (firm_id, client_id, person, email, state, invite_id, invited_at, mailed_at, expires_at, version,
				stream, sequence)
			VALUES ('acme', 'c', $1, $2, 'invited', $3, $4, $4, $5, 1, $4, 1)`,
			string(invites[n].Person), fmt.Sprintf("k%d@example.com", 100+n), invites[n].ID, now, now.AddDate(0, 0, 9))
		b.must(err)
	}
	for n := range slices.Backward(invites) {
		_, err := b.db.Exec(b.Context(), `
			INSERT INTO logins (firm_id, email, person, held_until) VALUES ('acme', $1, $2, $3)`,
			fmt.Sprintf("k%d@example.com", 100+n), string(invites[n].Person), now.AddDate(0, 0, 9))
		b.must(err)
	}
	return invites
}
