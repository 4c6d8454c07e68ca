package store_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// The pages of a selection together are the same list that a plain walk over the clients gives, in the order in which
// Go compares strings.
func TestPagesOfCandidatesMakeThePlainList(t *testing.T) {
	t.Parallel()
	b := open(t)
	random := rand.New(rand.NewPCG(3, 4))
	letters := []string{"a", "B", "z", "-", "_", "0", "é", "Z", "ß", "aa"}
	word := func() string {
		w := ""
		for range 1 + random.IntN(3) {
			w += letters[random.IntN(len(letters))]
		}
		return w
	}
	clients := map[string]rules.Client{}
	removed := map[string]bool{}
	for range 80 {
		kind := []rules.ClientKind{rules.Individual, rules.Business}[random.IntN(2)]
		c := rules.Client{ID: word(), Name: "C", Kind: kind, Active: random.IntN(4) > 0}
		on := map[string]bool{}
		for range random.IntN(5) {
			if id := word(); !on[id] {
				on[id] = true
				c.Contacts = append(c.Contacts, rules.ClientContact{ContactID: id, Primary: random.IntN(2) == 0})
			}
		}
		clients[c.ID], removed[c.ID] = c, random.IntN(10) == 0
	}
	var facts store.Facts
	for id, c := range clients {
		facts.Client("acme", c, at(1))
		facts.Client("other", c, at(1))
		if removed[id] {
			facts.ClientRemoved("acme", id, at(2))
		}
	}
	b.apply(&facts)

	var named []string
	for id := range clients {
		if random.IntN(2) == 0 {
			named = append(named, id, id)
		}
	}
	named = append(named, "nobody", "Nowhere")
	for _, sel := range []store.Selection{
		{All: true}, {All: true, Kind: string(rules.Individual)}, {All: true, Kind: string(rules.Business)},
		{ClientIDs: named}, {ClientIDs: []string{"nobody"}},
	} {
		want := plainly(sel, clients, removed)
		for _, limit := range []int{1, 7, 1000} {
			if got := b.walk(sel, limit); !slices.Equal(got, want) {
				t.Errorf("%+v by %d:\n got %v\nwant %v", sel, limit, got, want)
			}
		}
	}
}

func plainly(sel store.Selection, clients map[string]rules.Client, removed map[string]bool) (list []store.Candidate) {
	ids := slices.Clone(sel.ClientIDs)
	if sel.All {
		for id, c := range clients {
			if c.Active && !removed[id] && (sel.Kind == "" || sel.Kind == string(c.Kind)) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		c := clients[id]
		if removed[id] || len(c.Contacts) == 0 {
			list = append(list, store.Candidate{ClientID: id})
			continue
		}
		for _, contact := range c.Contacts {
			list = append(list, store.Candidate{ClientID: id, ContactID: contact.ContactID})
		}
	}
	slices.SortFunc(list, func(a, b store.Candidate) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.ContactID, b.ContactID))
	})
	return list
}

func (b base) walk(sel store.Selection, limit int) (list []store.Candidate) {
	b.Helper()
	var after store.Cursor
	for {
		var page []store.Candidate
		b.do(func(ctx context.Context, tx *store.Tx) (err error) {
			page, err = tx.Candidates(ctx, "acme", sel, after, limit)
			return err
		})
		list = append(list, page...)
		if len(page) < limit {
			return list
		}
		if len(list) > 10_000 {
			b.Fatal("the pages do not end: " + fmt.Sprint(after))
		}
		last := page[len(page)-1]
		after.ClientID, after.ContactID = last.ClientID, last.ContactID
	}
}
