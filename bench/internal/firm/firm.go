// Package firm writes the events of one accounting firm, as large as asked for.
// The same arguments always give the same firm.
package firm

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// ID is the firm's.
const ID = "bench"

type object = map[string]any

// Event is one event of the firm as upstream would publish it.
func Event(t events.Type, id string, data any) *nats.Msg {
	subject, err := events.Subject(ID, t)
	if err != nil {
		panic(err) // every type here is the contract's
	}
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "bench", ID: id, Time: time.Now(), Data: data}.Message()
	if err != nil {
		panic(err) // maps of strings can be encoded
	}
	return msg
}

func upserted() *nats.Msg {
	return Event(events.FirmUpserted, "firm", object{
		"name": "Bench & Partners CPA", "portal_url": "https://portal.bench.example", "brand_color": "#1f5fa8",
	})
}

// Contact is a contact's fact. email may be empty.
func Contact(id, name, email string) *nats.Msg {
	return Event(events.ContactUpserted, id, object{"contact_id": id, "name": name, "email": email})
}

func client(id, kind, name string, contacts ...object) *nats.Msg {
	return Event(events.ClientUpserted, id, object{"client_id": id, "kind": kind, "name": name, "contacts": contacts})
}

// Unreachable is a firm of n contacts of whom nobody can be invited in bulk:
// each business has a Primary contact without an email and another one who is
// not Primary.
func Unreachable(n int) iter.Seq[*nats.Msg] {
	return func(yield func(*nats.Msg) bool) {
		if !yield(upserted()) {
			return
		}
		for i := 0; i < n; i += 2 {
			first, second := fmt.Sprintf("P-%07d", i), fmt.Sprintf("P-%07d", i+1)
			ok := yield(Contact(first, "Kay Lee "+strconv.Itoa(i), "")) &&
				yield(Contact(second, "Sam Oak "+strconv.Itoa(i), email(i+1))) &&
				yield(client(fmt.Sprintf("C-%07d", i/2), "business", "Company "+strconv.Itoa(i/2),
					object{"contact_id": first, "primary": true}, object{"contact_id": second, "primary": false}))
			if !ok {
				return
			}
		}
	}
}

// Individual and Business are the ids of a Reachable firm's clients.
func Individual(i int) string { return fmt.Sprintf("I-%07d", i) }

// Business is the id of a business client; its contact is "P-" and this.
func Business(i int) string { return fmt.Sprintf("B-%07d", i) }

// ContactOf is the id of a Reachable client's one contact.
func ContactOf(client string) string { return "P-" + client }

// Reachable is a firm of clients with one Primary contact each, whom everybody
// may invite: so many of kind individual, and so many businesses.
func Reachable(individuals, businesses int) iter.Seq[*nats.Msg] {
	return func(yield func(*nats.Msg) bool) {
		if !yield(upserted()) {
			return
		}
		for i := range individuals + businesses {
			id, kind := Individual(i), "individual"
			if i >= individuals {
				id, kind = Business(i-individuals), "business"
			}
			name := "Dana Wu " + strconv.Itoa(i)
			if !yield(Contact(ContactOf(id), name, email(i))) ||
				!yield(client(id, kind, name+" & Family", object{"contact_id": ContactOf(id), "primary": true})) {
				return
			}
		}
	}
}

// email spreads the recipients over a few hundred domains, as a firm's clients
// are.
func email(i int) string { return fmt.Sprintf("client.%d@mail-%d.example", i, i%300) }
