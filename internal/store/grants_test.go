package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Grants that are applied together leave the same rows, and return the same changes, as if each was applied alone. The
// firms are alike. Few people, clients and emails make many grants concern each other.
func TestGrantsTogetherAreGrantsOneByOne(t *testing.T) {
	t.Parallel()
	b := open(t)
	for seed := range uint64(20) {
		alone, together := fmt.Sprintf("alone-%d", seed), fmt.Sprintf("together-%d", seed)
		for _, firm := range []string{alone, together} {
			b.crowded(firm, rand.New(rand.NewPCG(seed, 1)))
		}
		var one, all []store.AccessChange
		grants := someGrants(alone, rand.New(rand.NewPCG(seed, 2)))
		b.do(func(ctx context.Context, tx *store.Tx) error {
			for _, g := range grants {
				changes, err := tx.Grant(ctx, []store.Grant{g}, now)
				if err != nil {
					return err
				}
				one = append(one, changes...)
			}
			return nil
		})
		for i := range grants {
			grants[i].FirmID = together
		}
		b.do(func(ctx context.Context, tx *store.Tx) (err error) {
			all, err = tx.Grant(ctx, grants, now)
			return err
		})
		if want, got := describe(one), describe(all); !slices.Equal(want, got) {
			t.Errorf("seed %d: the changes of grants together are\n%v\none by one\n%v", seed, got, want)
		}
		for _, sql := range []string{
			`SELECT concat_ws(' ', client_id, person, email, state, invite_id, invited_at, last_login_at, expires_at, version,
				sequence) FROM access WHERE firm_id = $1 ORDER BY client_id, person`,
			`SELECT concat_ws(' ', email, person, held_until) FROM logins WHERE firm_id = $1 ORDER BY email`,
		} {
			if want, got := b.lines(sql, alone), b.lines(sql, together); !slices.Equal(want, got) {
				t.Errorf("seed %d: grants together leave\n%v\none by one\n%v", seed, got, want)
			}
		}
	}
}

func describe(changes []store.AccessChange) (lines []string) {
	for _, c := range changes {
		lines = append(lines, fmt.Sprint(c.ClientID, " ", c.Person, " ", c.Email, " ", c.InviteID.Valid, " ", c.From))
	}
	return lines
}

func (b base) lines(sql, firm string) []string {
	b.Helper()
	rows, err := b.db.Query(b.Context(), sql, firm)
	b.must(err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.must(err)
	return lines
}

const (
	crowdedClients  = 2
	crowdedContacts = 4
	crowdedEmails   = 3
	beforeGrants    = 100 // the sequence of what was before
)

func (b base) crowded(firm string, random *rand.Rand) {
	b.Helper()
	var facts store.Facts
	contacts := make([]rules.ClientContact, crowdedContacts)
	for i := range contacts {
		contacts[i].ContactID = "k" + strconv.Itoa(i)
		mail := rules.Email{}
		if n := random.IntN(crowdedEmails + 1); n > 0 {
			mail = email(fmt.Sprintf("e%d@x.example", n-1))
		}
		facts.Contact(firm, rules.Contact{ID: contacts[i].ContactID, Name: "K", Email: mail}, at(1))
	}
	for i := range crowdedClients {
		facts.Client(firm, rules.Client{
			ID: "c" + strconv.Itoa(i), Name: "C", Kind: rules.Business, Active: true,
			Contacts: contacts[:2+random.IntN(crowdedContacts-1)],
		}, at(1))
	}
	b.apply(&facts)
	for client := range crowdedClients {
		for contact := range crowdedContacts {
			b.accessBefore(firm, fmt.Sprintf("c%d", client), fmt.Sprintf("contact:k%d", contact), random)
		}
	}
	for i := range crowdedEmails {
		if random.IntN(2) == 0 {
			_, err := b.db.Exec(b.Context(), `INSERT INTO logins (firm_id, email, person, held_until) VALUES ($1, $2, $3, $4)`,
				firm, fmt.Sprintf("e%d@x.example", i), fmt.Sprintf("contact:k%d", random.IntN(crowdedContacts)),
				now.Add(time.Duration(random.IntN(3)-1)*time.Hour))
			b.must(err)
		}
	}
	if random.IntN(2) == 0 {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.EndContact(ctx, firm, fmt.Sprintf("k%d", random.IntN(crowdedContacts)), "", at(beforeGrants+5))
			return err
		})
	}
}

// accessBefore gives a person one of the accesses that there can be before a grant, or none.
func (b base) accessBefore(firm, client, person string, random *rand.Rand) {
	b.Helper()
	state := []string{"", "", "invited", "active", "expired", "removed"}[random.IntN(6)]
	login := []string{"", "e0@x.example", "e1@x.example"}[random.IntN(3)]
	sequence := beforeGrants + random.IntN(2)*7 // sometimes newer than some of the grants
	if state == "" {
		return
	}
	_, err := b.db.Exec(b.Context(), `
		INSERT INTO access (firm_id, client_id, person, email, state, invited_at, mailed_at, expires_at, version, stream,
			sequence)
		VALUES ($1, $2, $3, $4, 'invited', $5::timestamptz, $5, $5::timestamptz + interval '1 day', 1, $6, $7)`,
		firm, client, person, login, now, epoch, sequence)
	b.must(err)
	_, err = b.db.Exec(b.Context(), `UPDATE access SET state = $4 WHERE (firm_id, client_id, person) = ($1, $2, $3)`,
		firm, client, person, state)
	b.must(err)
}

func someGrants(firm string, random *rand.Rand) []store.Grant {
	grants := make([]store.Grant, 1+random.IntN(20))
	for i := range grants {
		g := store.Grant{
			FirmID: firm, ClientID: fmt.Sprintf("c%d", random.IntN(crowdedClients)),
			GrantedAt: now.Add(-time.Duration(random.IntN(100)) * time.Minute), At: at(uint64(beforeGrants + 1 + i)),
		}
		named := random.IntN(3)
		if named != 0 {
			g.ContactID = fmt.Sprintf("k%d", random.IntN(crowdedContacts))
		}
		if named != 1 {
			g.Email = email(fmt.Sprintf("e%d@x.example", random.IntN(crowdedEmails)))
		}
		grants[i] = g
	}
	return grants
}

// Grants of people who have nothing in common are one round, and the others keep their order.
func TestGrantsInCommonAreWrittenOneAfterTheOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grants string
		want   []int // grants of each round
	}{
		"nothing in common":          {"a1,b2,c3,d4", []int{4}},
		"the same person":            {"a1,a1,b2", []int{2, 1}},
		"the same login":             {"a1,b1,c1", []int{1, 1, 1}},
		"a chain":                    {"a1,a2,b2,b3", []int{1, 1, 1, 1}},
		"two chains beside another":  {"a1,a2,b3,b4", []int{2, 2}},
		"a later one in the first":   {"a1,a1,a1,b2", []int{2, 1, 1}},
		"people without any login":   {"a0,b0,c0", []int{3}},
		"a login that one has still": {"a1,a2,b1", []int{1, 1, 1}},
	} {
		if got := store.RoundsOf(c.grants); !slices.Equal(got, c.want) {
			t.Errorf("%s: rounds of %v, want %v", name, got, c.want)
		}
	}
}
