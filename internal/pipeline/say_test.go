package pipeline

import (
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

type object = map[string]any

// publish puts one event on the stream and returns its id.
func (r *rig) publish(t events.Type, data any) string {
	r.t.Helper()
	id := uuid.NewString()
	r.publishAs(id, t, data)
	return id
}

func (r *rig) publishAs(id string, t events.Type, data any) {
	r.t.Helper()
	_, err := r.js.PublishMsg(r.ctx, r.message(id, t, data))
	r.must(err)
}

// publishAll puts many events on the stream, in order.
func (r *rig) publishAll(msgs []*nats.Msg) {
	r.t.Helper()
	for n, msg := range msgs {
		_, err := r.js.PublishMsgAsync(msg)
		r.must(err)
		if n%1000 == 999 {
			<-r.js.PublishAsyncComplete()
		}
	}
	<-r.js.PublishAsyncComplete()
}

// message has no Nats-Msg-Id: nothing may depend on a publisher's setting one.
func (r *rig) message(id string, t events.Type, data any) *nats.Msg {
	r.t.Helper()
	subject, err := events.Subject(firm, t)
	r.must(err)
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "test", ID: id, Time: time.Now(), Data: data}.Message()
	r.must(err)
	msg.Header.Del(nats.MsgIdHdr)
	return msg
}

func (r *rig) event(t events.Type, data any) *nats.Msg { return r.message(uuid.NewString(), t, data) }

func (r *rig) firm() {
	r.publish(events.FirmUpserted, object{"name": "Acme CPA", "portal_url": "https://portal.acme.example"})
}

func (r *rig) contact(id, name, email string) {
	r.publish(events.ContactUpserted, contactData(id, name, email))
}

func contactData(id, name, email string) object {
	return object{"contact_id": id, "name": name, "email": email}
}

// client has contacts by id; a leading * makes one Primary.
func (r *rig) client(id string, contacts ...string) {
	r.publish(events.ClientUpserted, clientData(id, contacts...))
}

func clientData(id string, contacts ...string) object {
	list := []object{}
	for _, c := range contacts {
		if c[0] == '*' {
			list = append(list, object{"contact_id": c[1:], "primary": true})
		} else {
			list = append(list, object{"contact_id": c, "primary": false})
		}
	}
	return object{"client_id": id, "kind": "business", "name": "Client " + id, "contacts": list}
}

// with is data with one more field, or another value in one.
func with(data object, name string, value any) object {
	changed := object{name: value}
	for n, v := range data {
		if n != name {
			changed[n] = v
		}
	}
	return changed
}

func (r *rig) invite(client string, recipients ...object) string {
	return r.publish(events.InviteRequested, inviteData(client, recipients...))
}

func inviteData(client string, recipients ...object) object {
	return object{"client_id": client, "requested_by": "Lee", "recipients": recipients}
}

func contact(id string) object { return object{"contact_id": id} }

func added(email, name string) object { return object{"email": email, "name": name} }

func bulkAll() object { return bulk(object{"all_clients": true}) }

func bulkOf(clientIDs ...string) object { return bulk(object{"client_ids": clientIDs}) }

func bulk(selection object) object {
	return object{"mode": "invite", "requested_by": "Lee", "selection": selection}
}
