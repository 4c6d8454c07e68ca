package store_test

import (
	"context"
	"testing"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// A removal commits between the two reads of a book. The book is the same as if it had committed before the first.
func TestARemovalBetweenTwoReadsIsSeenWhole(t *testing.T) {
	t.Parallel()
	for name, removed := range map[string]struct {
		note func(*store.Facts)
		end  func(context.Context, *store.Tx) error
	}{
		"the contact": {
			note: func(f *store.Facts) { f.ContactRemoved("acme", "dana", at(10)) },
			end: func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.EndContact(ctx, "acme", "dana", "", at(10))
				return err
			},
		},
		"the client": {
			note: func(f *store.Facts) { f.ClientRemoved("acme", "c1", at(10)) },
			end: func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.EndClient(ctx, "acme", "c1", at(10))
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.do(func(ctx context.Context, tx *store.Tx) error {
				var facts store.Facts
				facts.Contact("acme", rules.Contact{ID: "dana", Name: "Dana Wu", Email: email("dana@example.com")}, at(1))
				contacts := []rules.ClientContact{{ContactID: "dana"}}
				facts.Client("acme", rules.Client{ID: "c1", Active: true, Contacts: contacts}, at(2))
				_, err := tx.ApplyFacts(ctx, &facts)
				b.must(err)
				access := reservation("c1", "contact:dana", "dana@example.com", 1, now.Add(time.Hour))
				return tx.Reserve(ctx, []store.Reservation{access}, now)
			})
			asks := []rules.Ask{{FirmID: "acme", ClientID: "c1", Recipient: rules.Recipient{ContactID: "dana"}, Queued: true}}
			b.do(func(ctx context.Context, tx *store.Tx) error {
				book, err := tx.LoadNamed(ctx, asks)
				b.must(err)
				b.do(func(ctx context.Context, other *store.Tx) error {
					var facts store.Facts
					removed.note(&facts)
					_, err := other.ApplyFacts(ctx, &facts)
					b.must(err)
					return removed.end(ctx, other)
				})
				b.must(tx.LoadReservations(ctx, book, asks))
				if len(book.Contacts)+len(book.Clients) != 1 {
					t.Errorf("the access is removed, and the book still has %v and %v", book.Contacts, book.Clients)
				}
				return nil
			})
		})
	}
}

// A contact gets a new email, and is invited there, between the two reads of a book. The book has the new email and who
// logs in with it, so nobody is invited twice.
func TestACorrectionBetweenTwoReadsIsSeenWhole(t *testing.T) {
	t.Parallel()
	b := open(t)
	dana := func(written string, sequence uint64) (facts store.Facts) {
		facts.Contact("acme", rules.Contact{ID: "dana", Name: "Dana Wu", Email: email(written)}, at(sequence))
		contacts := []rules.ClientContact{{ContactID: "dana"}}
		facts.Client("acme", rules.Client{ID: "c1", Active: true, Contacts: contacts}, at(1))
		return facts
	}
	b.do(func(ctx context.Context, tx *store.Tx) error {
		facts := dana("stale@example.com", 2)
		_, err := tx.ApplyFacts(ctx, &facts)
		return err
	})
	asks := []rules.Ask{{FirmID: "acme", ClientID: "c1", Recipient: rules.Recipient{ContactID: "dana"}}}
	b.do(func(ctx context.Context, tx *store.Tx) error {
		book, err := tx.LoadNamed(ctx, asks)
		b.must(err)
		b.do(func(ctx context.Context, other *store.Tx) error {
			facts := dana("dana@example.com", 3)
			_, err := other.ApplyFacts(ctx, &facts)
			b.must(err)
			access := reservation("c1", "contact:dana", "dana@example.com", 1, now.Add(time.Hour))
			return other.Reserve(ctx, []store.Reservation{access}, now)
		})
		b.must(tx.LoadReservations(ctx, book, asks))
		contact := book.Contacts[rules.ContactKey{FirmID: "acme", ContactID: "dana"}]
		login := book.Logins[rules.EmailKey{FirmID: "acme", Email: "dana@example.com"}]
		if contact == nil || contact.Email.Normal != "dana@example.com" || login == nil {
			t.Errorf("the contact is %+v, and its login %+v", contact, login)
		}
		return nil
	})
}
