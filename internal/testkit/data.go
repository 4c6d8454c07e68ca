package testkit

import (
	"maps"
	"strings"
)

// Object is an event's data, or a part of it, in the contract's form.
type Object = map[string]any

// With returns a copy of data with one more field, or with another value in a field.
func With(data Object, name string, value any) Object {
	changed := maps.Clone(data)
	changed[name] = value
	return changed
}

// FirmData is the data of FirmUpserted: a firm with every license.
func FirmData() Object {
	return Object{"name": "Acme CPA", "portal_url": "https://portal.acme.example"}
}

// ContactData is the data of ContactUpserted.
func ContactData(id, name, email string) Object {
	return Object{"contact_id": id, "name": name, "email": email}
}

// ClientData is the data of ClientUpserted: a client with contacts by id; a leading * makes one Primary.
func ClientData(id string, contacts ...string) Object {
	list := []Object{}
	for _, c := range contacts {
		contact, primary := strings.CutPrefix(c, "*")
		list = append(list, Object{"contact_id": contact, "primary": primary})
	}
	return Object{"client_id": id, "kind": "business", "name": "Client " + id, "contacts": list}
}

// InviteData is the data of a request for named recipients. The types that share something need a field more: see
// [With].
func InviteData(client string, recipients ...Object) Object {
	return Object{"client_id": client, "requested_by": "Lee", "recipients": recipients}
}

// Contact is a recipient who is a contact.
func Contact(id string) Object { return Object{"contact_id": id} }

// Added is a recipient who is added by email.
func Added(email, name string) Object { return Object{"email": email, "name": name} }

// BulkAll is the data of BulkInviteRequested for all clients.
func BulkAll() Object { return Bulk(Object{"all_clients": true}) }

// BulkOf is the data of BulkInviteRequested for some clients.
func BulkOf(clientIDs ...string) Object { return Bulk(Object{"client_ids": clientIDs}) }

// Bulk is the data of BulkInviteRequested for a selection.
func Bulk(selection Object) Object {
	return Object{"mode": "invite", "requested_by": "Lee", "selection": selection}
}

// ToRun is the data of an instruction to a run.
func ToRun(run, by string) Object {
	return Object{"run_id": run, "requested_by": by, "reason": "a test"}
}

// Replay is the data of ReplayRequested.
func Replay(filter Object) Object { return Object{"requested_by": "Ops", "filter": filter} }
