package firm

import (
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// Other is the id of the firm that must not notice what the first one sends.
const Other = "other"

// theClient is a client of the first firm, without contacts.
const theClient = "M"

// OtherClient returns the id of a client of the other firm.
func OtherClient(i int) string { return "O-" + strconv.Itoa(i) }

// Two returns the facts of both firms. The other one has n clients, whose Primary contacts can be invited.
func Two(n int) iter.Seq[*nats.Msg] {
	settings := object{"name": "Bench & Partners CPA", "portal_url": "https://portal.bench.example"}
	return func(yield func(*nats.Msg) bool) {
		none := object{"client_id": theClient, "kind": "individual", "name": "Many Logins", "contacts": []object{}}
		if !yield(upserted()) || !yield(Event(events.ClientUpserted, theClient, none)) ||
			!yield(eventOf(Other, events.FirmUpserted, "firm", settings)) {
			return
		}
		for i := range n {
			id := OtherClient(i)
			if !yield(eventOf(Other, events.ContactUpserted, ContactOf(id),
				object{"contact_id": ContactOf(id), "name": "Dana Wu", "email": email(i)})) ||
				!yield(eventOf(Other, events.ClientUpserted, id, object{
					"client_id": id, "kind": "individual", "name": "Dana Wu",
					"contacts": []object{{"contact_id": ContactOf(id), "primary": true}},
				})) {
				return
			}
		}
	}
}

// OtherInvite returns a request of the other firm for one of its clients.
func OtherInvite(i int) *nats.Msg {
	return eventOf(Other, events.InviteRequested, "other-"+strconv.Itoa(i), object{
		"client_id": OtherClient(i), "recipients": []object{{"contact_id": ContactOf(OtherClient(i))}},
		"requested_by": "Lee Chen",
	})
}

// Down is the name of a sender whose mail server is down.
const Down = "down"

// OtherByDown returns the other firm, which names the sender that is down.
func OtherByDown() *nats.Msg {
	return eventOf(Other, events.FirmUpserted, "by-down", object{
		"name": "Bench & Partners CPA", "portal_url": "https://portal.bench.example", "sender": Down,
	})
}

// InviteAdded returns a request for somebody who is added by email.
func InviteAdded(i int) *nats.Msg { return InviteAddedAs("added-"+strconv.Itoa(i), i) }

// InviteAddedAs is like [InviteAdded], with an id.
func InviteAddedAs(id string, i int) *nats.Msg {
	return Event(events.InviteRequested, id, object{
		"client_id": theClient, "recipients": []object{{"email": email(i), "name": "Kay Lee"}}, "requested_by": "Lee Chen",
	})
}

// InviteUnknown returns a request for a hundred contacts that do not exist.
func InviteUnknown(i int) *nats.Msg {
	unknown := make([]object, 100)
	for n := range unknown {
		unknown[n] = object{"contact_id": "nobody-" + strconv.Itoa(n)}
	}
	return Event(events.InviteRequested, "unknown-"+strconv.Itoa(i), object{
		"client_id": "none", "recipients": unknown, "requested_by": "Lee Chen",
	})
}

// Unreadable returns a request that can't be read.
func Unreadable(i int) *nats.Msg {
	msg := InviteAdded(i)
	msg.Data = []byte("not JSON")
	return msg
}

// Delivered returns a report of the other firm that one of its mails was delivered. The mails are to its first clients.
// Each report is another one, as its code says.
func Delivered(i int, mails []string) *nats.Msg {
	mail, code := i%len(mails), i/len(mails)
	return eventOf(Other, events.MailReported, "report-"+strconv.Itoa(i), object{
		"kind": "delivered", "message_id": mails[mail], "email": email(mail), "reporter": "bench", "at": time.Now().UTC(),
		"code": "250 2." + strconv.Itoa(code%1000) + "." + strconv.Itoa(code/1000),
	})
}

// LoggedIn returns a PortalAccessGranted. Each is about another login of the same client.
func LoggedIn(i int) *nats.Msg {
	return Event(events.PortalAccessGranted, "login-"+strconv.Itoa(i), object{
		"client_id": theClient, "email": email(i), "granted_at": time.Now().UTC(),
	})
}
