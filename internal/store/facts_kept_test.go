package store_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// The rows of a batch have lists of different lengths, and the ids in the lists have characters that need quotes.
func TestFactsOfOneBatchAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	awkward := []string{`"quoted"`, `'single'`, `NULL`, `\`, `\"`, `a,b`, `{"a"}`, `{}`, `é`, `😀`}
	var contacts []rules.ClientContact
	for i, id := range awkward {
		contacts = append(contacts, rules.ClientContact{ContactID: id, Primary: i%2 == 0})
	}
	firms := []rules.Firm{
		{ID: "gated", Name: `A "firm"`, PortalURL: "https://p.example", ReplyTo: "office@example.com",
			LogoURL: "https://l.example", Color: "#102030", Locale: "de", Licenses: awkward},
		{ID: "no-license", Name: "B", Licenses: []string{}},
		{ID: "not-gated", Name: "C"},
	}
	clients := []rules.Client{
		{ID: `\{",}`, Kind: rules.Business, Name: `"`, Active: true, Contacts: contacts},
		{ID: "alone", Kind: rules.Individual, Name: "Alone", Contacts: []rules.ClientContact{}},
		{ID: "one", Kind: rules.Business, Name: "One", Active: true, Contacts: contacts[:1]},
	}
	b := open(t)
	var facts store.Facts
	var asks []rules.Ask
	for i, firm := range firms {
		facts.Firm(firm, at(uint64(i)+1))
		for j, client := range clients {
			facts.Client(firm.ID, client, at(uint64(10*i+j)+10))
			asks = append(asks, rules.Ask{FirmID: firm.ID, ClientID: client.ID})
		}
	}
	b.apply(&facts)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		book, err := tx.LoadBook(ctx, asks)
		b.must(err)
		for _, firm := range firms {
			if got := *book.Firms[firm.ID]; !reflect.DeepEqual(got, firm) {
				t.Errorf("firm %s is %+v, want %+v", firm.ID, got, firm)
			}
			for _, client := range clients {
				got := *book.Clients[rules.ClientKey{FirmID: firm.ID, ClientID: client.ID}]
				if !reflect.DeepEqual(got, client) {
					t.Errorf("client %s of %s is %+v, want %+v", client.ID, firm.ID, got, client)
				}
			}
		}
		return nil
	})
}

// A firm without reminders has 0 in Go, and NULL in the table.
func TestAFirmsReminderIsStored(t *testing.T) {
	t.Parallel()
	b := open(t)
	var facts store.Facts
	facts.Firm(rules.Firm{ID: "never"}, at(1))
	facts.Firm(rules.Firm{ID: "soon", RemindAfter: 72 * time.Hour}, at(2))
	b.apply(&facts)
	got := query[[]string](b,
		`SELECT array_agg(coalesce(extract(epoch FROM remind_after)::bigint::text, 'never') ORDER BY firm_id) FROM firms`)
	if want := []string{"never", "259200"}; !reflect.DeepEqual(got, want) {
		t.Errorf("reminders after %v, want %v", got, want)
	}
}
