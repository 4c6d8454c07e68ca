package firm

import (
	"strconv"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// message is the office's personal message.
const message = "Hello {{contact.name}},\n\nplease find the documents for {{client.name}} in your portal.\n\n" +
	"Kind regards, {{requested_by}}"

// InviteAll returns a bulk request for every active client of a kind; "" means both kinds.
func InviteAll(id, kind string) *nats.Msg {
	selection := object{"all_clients": true}
	if kind != "" {
		selection["kind"] = kind
	}
	return bulk(id, selection)
}

// InviteClients returns a bulk request for clients by their ids.
func InviteClients(id string, clients []string) *nats.Msg {
	return bulk(id, object{"client_ids": clients})
}

func bulk(id string, selection object) *nats.Msg {
	return Event(events.BulkInviteRequested, id, object{
		"mode": "invite", "selection": selection, "requested_by": "Lee Chen", "message": object{"text": message},
	})
}

// ReplayAll returns a request to decide all skipped and failed invites again.
func ReplayAll(id string) *nats.Msg {
	return Event(events.ReplayRequested, id, object{"filter": object{}, "requested_by": "Support"})
}

// ShareFile returns a request that shares a file with a client's only contact.
func ShareFile(id, client string) *nats.Msg {
	return Event(events.FileShared, id, object{
		"client_id": client, "recipients": []object{{"contact_id": ContactOf(client)}}, "requested_by": "Lee Chen",
		"message": object{"text": message}, "file": object{"id": id, "name": "Tax return 2025, " + id + ".pdf"},
	})
}

// ShareWithNobody returns a request that is skipped: it shares a file with a contact without an email. i is the number
// of a client of an [Unreachable] firm.
func ShareWithNobody(id string, i int) *nats.Msg {
	contact := pad(i * 2)
	return Event(events.FileShared, id, object{
		"client_id": "C-" + pad(i), "recipients": []object{{"contact_id": "P-" + contact}}, "requested_by": "Lee Chen",
		"file": object{"id": id, "name": "Tax return 2025, " + id + ".pdf"},
	})
}

func pad(i int) string {
	s := strconv.Itoa(i)
	return "0000000"[:max(0, 7-len(s))] + s
}
