package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Two workers share the facts of a firm. In whatever order they apply them, the end is that of the stream's order. Only
// one thing is certain: whoever applies a login has applied all facts before it. If two facts would end an access,
// either of them may be the reason that is stored.
func TestFactsHaveTheEffectOfTheStreamsOrder(t *testing.T) {
	t.Parallel()
	b := open(t)
	random := rand.New(rand.NewPCG(17, 3))
	firms := 0
	for _, pending := range []string{"", "c1", "c1 c2", "c2"} {
		cases := slices.Clone(mixedFacts)
		for range 6 {
			cases = append(cases, someFacts(random))
		}
		for _, facts := range cases {
			var want []string
			for _, order := range ordersOf(facts) {
				firms++
				got := b.appliedTo(fmt.Sprintf("f%d", firms), pending, facts, order)
				if want == nil {
					want = got // the first order is the stream's
				}
				if !slices.Equal(got, want) {
					t.Errorf("pending on %q, the facts %q in the order %v leave\n%s\nwant\n%s", pending, facts, order,
						strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
}

// mixedFacts are facts in the stream's order, of which each fact after a login may be applied before it.
var mixedFacts = [][]string{
	{"login k c1", "k has B"}, {"login A c1", "k has B"}, {"login A c1", "c1 lists nobody"},
	{"k has B", "login k c1", "k has C"}, {"k has B", "login A c1", "k has C"}, {"j has A", "login A c2", "k has B"},
	{"c1 lists j", "login k c1", "c1 lists nobody"}, {"login A c1", "k has B", "login A c2"},
}

func someFacts(random *rand.Rand) []string {
	pool := []string{"login k c1", "login A c1", "login k c2", "login A c2", "login j c1", "k has B", "k has C",
		"a template", "j has A", "c1 lists j", "c1 lists nobody", "c2 lists nobody"}
	facts := make([]string, 3)
	for i, n := range random.Perm(len(pool))[:len(facts)] {
		facts[i] = pool[n]
	}
	if j := slices.Index(facts, "c1 lists j"); j > slices.Index(facts, "c1 lists nobody") {
		facts[j] = "a template" // nobody joins a list: who has joined since a login counts as on it
	}
	return facts
}

// A login that comes late takes back the access that a newer fact has ended. It is accepted after all.
func TestALateLoginTakesBackWhatFactsHaveEnded(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.office("acme", []string{"c1"})
	var ended, granted []store.AccessChange
	b.do(func(ctx context.Context, tx *store.Tx) (err error) {
		var states store.Facts
		addFact(&states, "acme", "k has B", at(102))
		if ended, err = tx.ApplyFacts(ctx, &states); err != nil {
			return err
		}
		granted, err = tx.Grant(ctx, []store.Grant{
			{FirmID: "acme", ClientID: "c1", Email: email("a@x.example"), GrantedAt: now, At: at(101)},
		}, now)
		return err
	})
	if len(ended) != 1 || len(granted) != 1 {
		t.Fatalf("ended: %+v; granted: %+v; want one of each", ended, granted)
	}
	got := granted[0]
	if got.From != rules.Invited || got.InviteID != ended[0].InviteID || got.Person != "contact:k" ||
		got.Email != "a@x.example" {
		t.Errorf("granted: %+v, want the invite that was ended: %+v", got, ended[0])
	}
}

// ordersOf returns the orders in which workers may apply facts, the stream's first. Each is a list of batches. A login
// comes after all facts before it; facts that follow each other may be one batch.
func ordersOf(facts []string) (orders [][][]int) {
	var walk func(order []int)
	walk = func(order []int) {
		if len(order) == len(facts) {
			single := make([][]int, len(order))
			for i, n := range order {
				single[i] = []int{n}
			}
			orders = append(orders, single)
			for i := range len(order) - 1 {
				if !isLogin(facts[order[i]]) && !isLogin(facts[order[i+1]]) {
					together := slices.Concat(single[:i], [][]int{{order[i], order[i+1]}}, single[i+2:])
					orders = append(orders, together)
				}
			}
			return
		}
		for n := range facts {
			early := isLogin(facts[n]) && slices.ContainsFunc(seq(n), func(m int) bool { return !slices.Contains(order, m) })
			if !early && !slices.Contains(order, n) {
				walk(append(slices.Clone(order), n))
			}
		}
	}
	walk(nil)
	return orders
}

func seq(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func isLogin(fact string) bool { return strings.HasPrefix(fact, "login") }

// appliedTo applies facts to an office in which k has the email A, and may be invited already.
func (b base) appliedTo(firm, pending string, facts []string, order [][]int) []string {
	b.Helper()
	b.office(firm, strings.Fields(pending))
	for _, batch := range slices.Concat(order, order) { // every fact may be delivered again
		b.do(func(ctx context.Context, tx *store.Tx) error {
			var states store.Facts
			for _, n := range batch {
				where := at(uint64(100 + n))
				if words := strings.Fields(facts[n]); !addFact(&states, firm, facts[n], where) {
					g := store.Grant{FirmID: firm, ClientID: words[2], GrantedAt: now, At: where}
					if g.ContactID = words[1]; words[1] == "A" {
						g.ContactID, g.Email = "", email("a@x.example")
					}
					_, err := tx.Grant(ctx, []store.Grant{g}, now)
					return err
				}
			}
			_, err := tx.ApplyFacts(ctx, &states)
			return err
		})
	}
	return slices.Concat(
		b.lines(`SELECT concat_ws(' ', client_id, person, state, CASE WHEN state IN ('invited', 'active') THEN email END,
			removed_why <> '', invite_id IS NOT NULL) FROM access WHERE firm_id = $1 ORDER BY client_id, person`, firm),
		b.lines(`SELECT concat_ws(' ', email, person) FROM logins WHERE firm_id = $1 ORDER BY email`, firm))
}

// addFact adds a fact that is no login, and says whether it is one.
func addFact(states *store.Facts, firm, fact string, where store.Position) bool {
	emails := map[string]string{"k has B": "b@x.example", "k has C": "c@x.example", "j has A": "a@x.example"}
	words := strings.Fields(fact)
	switch {
	case isLogin(fact):
		return false
	case emails[fact] != "":
		states.Contact(firm, rules.Contact{ID: words[0], Name: "N", Email: email(emails[fact])}, where)
	case fact == "a template":
		states.Template(firm, "t", "T", "T", where)
	default:
		c := rules.Client{ID: words[0], Name: "C", Kind: rules.Business, Active: true}
		if words[2] != "nobody" {
			c.Contacts = []rules.ClientContact{{ContactID: words[2]}}
		}
		states.Client(firm, c, where)
	}
	return true
}

func (b base) office(firm string, pending []string) {
	b.Helper()
	var facts store.Facts
	facts.Contact(firm, rules.Contact{ID: "k", Name: "K", Email: email("a@x.example")}, at(1))
	facts.Contact(firm, rules.Contact{ID: "j", Name: "J", Email: email("j@x.example")}, at(2))
	for i, id := range []string{"c1", "c2"} {
		facts.Client(firm, rules.Client{
			ID: id, Name: "C", Kind: rules.Business, Active: true,
			Contacts: []rules.ClientContact{{ContactID: "k"}, {ContactID: "j"}},
		}, at(uint64(3+i)))
	}
	b.apply(&facts)
	request := store.Request{
		ID: uuid.New(), FirmID: firm, Source: "s", EventID: uuid.NewString(), Type: "T", Data: []byte(`{}`), At: at(10),
	}
	b.do(func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.InsertRequests(ctx, []store.Request{request}); err != nil {
			return err
		}
		for _, client := range pending {
			i := store.Invite{
				ID: uuid.New(), RequestID: request.ID, FirmID: firm, ClientID: client, Kind: rules.Invite,
				Lane: store.IndividualLane, State: store.Sent, Person: "contact:k", DecidedAt: now,
			}
			if err := tx.InsertInvites(ctx, []store.Invite{i}); err != nil {
				return err
			}
			err := tx.Reserve(ctx, []store.Reservation{{
				AccessKey: rules.AccessKey{FirmID: firm, ClientID: client, Person: "contact:k"}, At: at(10),
				Access: rules.Access{
					State: rules.Invited, InviteID: i.ID.String(), Email: "a@x.example", InvitedAt: now, MailedAt: now,
					ExpiresAt: now.Add(time.Hour), Version: 1,
				},
			}}, now)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
