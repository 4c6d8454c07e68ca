// Package firm makes the events of one accounting firm of any size. The same arguments always give the same firm.
package firm

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// ID is the firm's id.
const ID = "bench"

type object = map[string]any

// Event returns an event of the firm, as upstream would publish it.
func Event(t events.Type, id string, data any) *nats.Msg { return eventOf(ID, t, id, data) }

func eventOf(firm string, t events.Type, id string, data any) *nats.Msg {
	subject, err := events.Subject(firm, t)
	if err != nil {
		panic(err) // callers pass only types of the contract
	}
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "bench", ID: id, Time: time.Now(), Data: data}.Message()
	if err != nil {
		panic(err) // a map of strings can always be encoded
	}
	return msg
}

func upserted() *nats.Msg {
	return Event(events.FirmUpserted, "firm", object{
		"name": "Bench & Partners CPA", "portal_url": "https://portal.bench.example", "brand_color": "#1f5fa8",
	})
}

// Contact returns a ContactUpserted. email may be empty.
func Contact(id, name, email string) *nats.Msg {
	return Event(events.ContactUpserted, id, object{"contact_id": id, "name": name, "email": email})
}

func client(id, kind, name string, contacts ...object) *nats.Msg {
	return Event(events.ClientUpserted, id, object{"client_id": id, "kind": kind, "name": name, "contacts": contacts})
}

// Unreachable returns the facts of a firm with n contacts, none of which can be invited in bulk: each business has a
// Primary contact without an email, and another contact who is not Primary.
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

// Individual returns the id of an individual client of a [Reachable] firm.
func Individual(i int) string { return fmt.Sprintf("I-%07d", i) }

// Business returns the id of a business client of a [Reachable] firm.
func Business(i int) string { return fmt.Sprintf("B-%07d", i) }

// ContactOf returns the id of the only contact of a client of a [Reachable] firm.
func ContactOf(client string) string { return "P-" + client }

// Reachable returns the facts of a firm whose clients have one Primary contact each, all of which can be invited. It
// has the given numbers of individuals and businesses.
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

// email returns an email for contact i. The emails have 300 domains, like those of a real firm's contacts.
func email(i int) string { return fmt.Sprintf("client.%d@mail-%d.example", i, i%300) }
