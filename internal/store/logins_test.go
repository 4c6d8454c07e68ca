package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Two workers may reserve the same logins in opposite orders. They must not wait for each other in a circle, so each
// takes the logins in the order of their keys. Here the first login is taken already. A worker that wants it and 99
// others must wait for it before it has any of the others.
func TestLoginsAreReservedInTheOrderOfTheirKeys(t *testing.T) {
	t.Parallel()
	b := open(t)
	reservations := make([]store.Reservation, 100)
	for n := range reservations {
		reservations[n] = store.Reservation{
			AccessKey: rules.AccessKey{FirmID: "acme", ClientID: "c", Person: rules.Person(fmt.Sprintf("contact:%02d", n))},
			Access: rules.Access{
				State: rules.Invited, Email: fmt.Sprintf("k%02d@example.com", 99-n), ExpiresAt: now.Add(time.Hour), Version: 1,
			},
			At: at(1),
		}
	}
	const take = `INSERT INTO logins (firm_id, email, person, held_until)
		SELECT 'acme', $1, 'contact:k', $2 ON CONFLICT DO NOTHING`
	first, err := b.db.Begin(t.Context())
	b.must(err)
	defer func() { _ = first.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = first.Exec(t.Context(), take, "k00@example.com", now.Add(time.Hour))
	b.must(err)

	reserved := make(chan error, 1)
	go func() {
		reserved <- b.Tx(t.Context(), func(tx *store.Tx) error { return tx.Reserve(t.Context(), reservations, now) })
	}()
	b.waitsOrEnded(1, "the reservation", func() bool { return len(reserved) > 0 })
	other, err := b.db.Begin(t.Context())
	b.must(err)
	defer func() { _ = other.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = other.Exec(t.Context(), `SET LOCAL lock_timeout = '2s'`)
	b.must(err)
	for n := 1; n < 100; n++ {
		if _, err := other.Exec(t.Context(), take, fmt.Sprintf("k%02d@example.com", n), now.Add(time.Hour)); err != nil {
			t.Fatalf("login %d is taken before the first one (internal/store/logins.go sorts them): %v", n, err)
		}
	}
	b.must(other.Rollback(t.Context()))
	b.must(first.Rollback(t.Context()))
	b.must(<-reserved)
}

// Two workers may free the same logins in opposite orders, or one may free what the other reserves.
func TestLoginsAreFreedInTheOrderOfTheirKeys(t *testing.T) {
	t.Parallel()
	b := open(t)
	_, err := b.db.Exec(t.Context(), `
		INSERT INTO logins (firm_id, email, person, held_until)
		SELECT 'acme', 'k' || n || '@example.com', 'contact:' || n, $1 FROM generate_series(199, 100, -1) AS n`, now)
	b.must(err)
	logins := make([]store.ReservedLogin, 100)
	for n := range logins {
		logins[n] = store.ReservedLogin{
			EmailKey: rules.EmailKey{FirmID: "acme", Email: fmt.Sprintf("k%d@example.com", 199-n)},
			Person:   rules.Person(fmt.Sprintf("contact:%d", 199-n)),
		}
	}
	const lock = `SELECT FROM logins WHERE email = $1 FOR UPDATE NOWAIT`
	first, err := b.db.Begin(t.Context())
	b.must(err)
	defer func() { _ = first.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = first.Exec(t.Context(), lock, "k100@example.com")
	b.must(err)

	freed := make(chan error, 1)
	go func() {
		freed <- b.Tx(t.Context(), func(tx *store.Tx) error { return tx.FreeLogins(t.Context(), logins) })
	}()
	b.waitsOrEnded(1, "the deletion", func() bool { return len(freed) > 0 })
	other, err := b.db.Begin(t.Context())
	b.must(err)
	defer func() { _ = other.Rollback(context.WithoutCancel(t.Context())) }()
	for n := 101; n < 200; n++ {
		if _, err := other.Exec(t.Context(), lock, fmt.Sprintf("k%d@example.com", n)); err != nil {
			t.Fatalf("login %d is locked before the first one (FreeLogins in internal/store/logins.go): %v", n, err)
		}
	}
	b.must(other.Rollback(t.Context()))
	b.must(first.Rollback(t.Context()))
	b.must(<-freed)
	if left := query[int](b, `SELECT count(*) FROM logins`); left != 0 {
		t.Errorf("%d logins are left", left)
	}
}
