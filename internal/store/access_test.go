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

func claim(client, person, login string, version int, expires time.Time) store.Reservation {
	return store.Reservation{
		AccessKey: rules.AccessKey{FirmID: "acme", ClientID: client, Person: rules.Person(person)},
		Access: rules.Access{
			State: rules.Invited, InviteID: uuid.NewSHA1(uuid.Nil, []byte(client+person)).String(), Email: login,
			InvitedAt: now, MailedAt: now, ExpiresAt: expires, Version: version,
		},
		At: at(1),
	}
}

// try claims in a transaction of its own, once.
func (b base) try(claims ...store.Reservation) error {
	b.Helper()
	var result error
	err := b.Tx(b.Context(), func(tx *store.Tx) error {
		if result = tx.Reserve(b.Context(), claims, now); result != nil {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		b.Fatal(err)
	}
	return result
}

func TestClaims(t *testing.T) {
	t.Parallel()
	later, earlier := now.Add(time.Hour), now.Add(-time.Hour)
	for name, c := range map[string]struct {
		standing []store.Reservation
		claim    store.Reservation
		conflict bool
	}{
		"a free login":                           {nil, claim("c1", "contact:a", "e", 1, later), false},
		"another person's login":                 {[]store.Reservation{claim("c1", "contact:a", "e", 1, later)}, claim("c1", "contact:b", "e", 1, later), true},
		"another person's, which has run out":    {[]store.Reservation{claim("c1", "contact:a", "e", 1, earlier)}, claim("c1", "contact:b", "e", 1, later), false},
		"one's own login, for another client":    {[]store.Reservation{claim("c1", "contact:a", "e", 1, later)}, claim("c2", "contact:a", "e", 1, later), false},
		"an access seen in its newest version":   {[]store.Reservation{claim("c1", "contact:a", "e", 1, later)}, claim("c1", "contact:a", "e", 2, later), false},
		"an access that has changed since":       {[]store.Reservation{claim("c1", "contact:a", "e", 1, later)}, claim("c1", "contact:a", "e", 1, later), true},
		"an access that was not there when read": {nil, claim("c1", "contact:a", "e", 1, later), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for _, s := range c.standing {
				b.must(b.try(s))
			}
			err := b.try(c.claim)
			if errors.Is(err, store.ErrConflict) != c.conflict || (err != nil) != c.conflict {
				t.Errorf("%v, want a conflict: %v", err, c.conflict)
			}
		})
	}
}

// Two transactions claim one login at the same time: the second waits for the first, and loses.
func TestOfTwoConcurrentClaimsOneWins(t *testing.T) {
	t.Parallel()
	b := open(t)
	second := make(chan error, 1)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Reserve(ctx, []store.Reservation{claim("c1", "contact:a", "e", 1, now.Add(time.Hour))}, now); err != nil {
			return err
		}
		go func() { second <- b.try(claim("c2", "contact:b", "e", 1, now.Add(time.Hour))) }()
		// The second is blocked by the first, which Postgres knows.
		testenv.Eventually(t, time.Minute, func() error {
			if query[int](b, `SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 && len(second) == 0 {
				return errors.New("the second does not wait")
			}
			return nil
		})
		return nil
	})
	if err := <-second; !errors.Is(err, store.ErrConflict) {
		t.Errorf("the second claim: %v", err)
	}
	if holder := query[string](b, `SELECT person FROM logins`); holder != "contact:a" {
		t.Errorf("the login is held by %s", holder)
	}
}

func TestALoginIsFreedWithTheLastPortalItOpens(t *testing.T) {
	t.Parallel()
	b := open(t)
	one, two := claim("c1", "contact:a", "e", 1, now.Add(time.Hour)), claim("c2", "contact:a", "e", 1, now.Add(time.Hour))
	b.must(b.try(one, two))
	release := func(c store.Reservation) {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			return tx.Release(ctx, []store.Invite{{
				ID: uuid.MustParse(c.Access.InviteID), FirmID: c.FirmID, ClientID: c.ClientID, Person: c.Person,
			}}, now)
		})
	}
	held := func() int { return query[int](b, `SELECT count(*) FROM logins`) }
	b.do(func(ctx context.Context, tx *store.Tx) error {
		return tx.FreeLogins(ctx, []store.ReservedLogin{{EmailKey: rules.EmailKey{FirmID: "acme", Email: "e"}, Person: "contact:a"}})
	})
	if held() != 1 {
		t.Error("a login was freed that opens two portals")
	}
	release(one)
	if held() != 1 {
		t.Error("the login was freed while it opens another portal")
	}
	release(one) // once more changes nothing
	release(two)
	if held() != 0 {
		t.Error("the login is held, and opens nothing")
	}
	// What has moved on since is not the invite's to end.
	b.must(b.try(claim("c1", "contact:a", "e", 3, now.Add(time.Hour))))
	_, err := b.db.Exec(t.Context(), `UPDATE access SET state = 'active' WHERE client_id = 'c1'`)
	b.must(err)
	release(one)
	if state := query[string](b, `SELECT state FROM access WHERE client_id = 'c1'`); state != "active" || held() != 1 {
		t.Errorf("access in use is %s after the release of its invite", state)
	}
}
