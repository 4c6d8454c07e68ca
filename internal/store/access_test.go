package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

func reservation(client, person, login string, version int, expires time.Time) store.Reservation {
	return store.Reservation{
		AccessKey: rules.AccessKey{FirmID: "acme", ClientID: client, Person: rules.Person(person)},
		Access: rules.Access{
			State: rules.Invited, InviteID: uuid.NewSHA1(uuid.Nil, []byte(client+person)).String(), Email: login,
			InvitedAt: now, MailedAt: now, ExpiresAt: expires, Version: version,
		},
		At: at(1),
	}
}

// try reserves in a transaction of its own, once.
func (b base) try(reservations ...store.Reservation) error {
	b.Helper()
	var result error
	err := b.Tx(b.Context(), func(tx *store.Tx) error {
		if result = tx.Reserve(b.Context(), reservations, now); result != nil {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		b.Fatal(err)
	}
	return result
}

func TestReserve(t *testing.T) {
	t.Parallel()
	later, earlier := now.Add(time.Hour), now.Add(-time.Hour)
	for name, c := range map[string]struct {
		before   []store.Reservation
		reserve  store.Reservation
		conflict bool
	}{
		"a free login": {nil, reservation("c1", "contact:a", "e", 1, later), false},
		"another person's login": {
			[]store.Reservation{reservation("c1", "contact:a", "e", 1, later)},
			reservation("c1", "contact:b", "e", 1, later), true,
		},
		"another person's login, which has expired": {
			[]store.Reservation{reservation("c1", "contact:a", "e", 1, earlier)},
			reservation("c1", "contact:b", "e", 1, later), false,
		},
		"the same person's login, for another client": {
			[]store.Reservation{reservation("c1", "contact:a", "e", 1, later)},
			reservation("c2", "contact:a", "e", 1, later), false,
		},
		"an access read in its newest version": {
			[]store.Reservation{reservation("c1", "contact:a", "e", 1, later)},
			reservation("c1", "contact:a", "e", 2, later), false,
		},
		"an access that has changed since it was read": {
			[]store.Reservation{reservation("c1", "contact:a", "e", 1, later)},
			reservation("c1", "contact:a", "e", 1, later), true,
		},
		"an access that did not exist when read": {nil, reservation("c1", "contact:a", "e", 1, later), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for _, s := range c.before {
				b.must(b.try(s))
			}
			err := b.try(c.reserve)
			if errors.Is(err, store.ErrConflict) != c.conflict || (err != nil) != c.conflict {
				t.Errorf("%v, want a conflict: %v", err, c.conflict)
			}
		})
	}
}

// Two transactions reserve one login at the same time: the second waits for the first, and loses.
func TestOnlyOneOfTwoConcurrentReservationsWins(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := make(chan error, 1)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		first := reservation("c1", "contact:a", "e", 1, now.Add(time.Hour))
		if err := tx.Reserve(ctx, []store.Reservation{first}, now); err != nil {
			return err
		}
		go func() { second <- b.try(reservation("c2", "contact:b", "e", 1, now.Add(time.Hour))) }()
		// Postgres knows whether the first blocks the second.
		testenv.Eventually(t, time.Minute, func() error {
			if query[int](b, `SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 && len(second) == 0 {
				return errors.New("the second reservation does not wait")
			}
			return nil
		})
		return nil
	})
	if err := <-second; !errors.Is(err, store.ErrConflict) {
		t.Errorf("the second reservation: %v", err)
	}
	if holder := query[string](b, `SELECT person FROM logins`); holder != "contact:a" {
		t.Errorf("the login is reserved for %s", holder)
	}
}

func TestALoginIsFreedWithTheLastPortalItOpens(t *testing.T) {
	t.Parallel()
	b := open(t)
	one := reservation("c1", "contact:a", "e", 1, now.Add(time.Hour))
	two := reservation("c2", "contact:a", "e", 1, now.Add(time.Hour))
	b.must(b.try(one, two))
	release := func(r store.Reservation) {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			return tx.Release(ctx, []store.Invite{{
				ID: uuid.MustParse(r.Access.InviteID), FirmID: r.FirmID, ClientID: r.ClientID, Person: r.Person,
			}}, now)
		})
	}
	logins := func() int { return query[int](b, `SELECT count(*) FROM logins`) }
	b.do(func(ctx context.Context, tx *store.Tx) error {
		login := store.ReservedLogin{EmailKey: rules.EmailKey{FirmID: "acme", Email: "e"}, Person: "contact:a"}
		return tx.FreeLogins(ctx, []store.ReservedLogin{login})
	})
	if logins() != 1 {
		t.Error("a login that opens two portals was freed")
	}
	release(one)
	if logins() != 1 {
		t.Error("the login was freed while it opens another portal")
	}
	release(one) // the second time, this changes nothing
	release(two)
	if logins() != 0 {
		t.Error("the login is still reserved, but opens nothing")
	}
	// An access that has changed since its invite does not end with it.
	b.must(b.try(reservation("c1", "contact:a", "e", 3, now.Add(time.Hour))))
	_, err := b.db.Exec(t.Context(), `UPDATE access SET state = 'active' WHERE client_id = 'c1'`)
	b.must(err)
	release(one)
	if state := query[string](b, `SELECT state FROM access WHERE client_id = 'c1'`); state != "active" || logins() != 1 {
		t.Errorf("an access in use is %s after its invite was released", state)
	}
}
