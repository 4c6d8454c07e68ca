package pipeline_test

import (
	"slices"

	"pgregory.net/rapid"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// emailsSwapped gives each of two contacts the email of the other one. The two facts may be in one batch.
func (p *played) emailsSwapped(t *rapid.T) {
	both := rapid.SliceOfNDistinct(playedContacts, 2, 2, rapid.ID[string]).Draw(t, "both")
	one, two := p.model.contactNow(both[0]), p.model.contactNow(both[1])
	was, known := p.model.contacts[one]
	is, alsoKnown := p.model.contacts[two]
	if one == two || !known || !alsoKnown {
		t.Skip("there are no two contacts")
	}
	for _, to := range []struct {
		id string
		email
	}{{one, is}, {two, was}} {
		p.model.contacts[to.id] = to.email
		p.model.endByFacts(to.id)
		p.publish(events.ContactUpserted, testkit.ContactData(to.id, "Kay", to.written))
	}
}

// archivedOrRevived archives a client, or makes it active again. Its list stays.
func (p *played) archivedOrRevived(t *rapid.T) {
	id := playedClients.Draw(t, "client")
	on, known := p.model.clients[id]
	if !known {
		t.Skip("there is no such client")
	}
	var list []string
	for contact, primary := range on {
		list = append(list, map[bool]string{true: "*", false: ""}[primary]+contact)
	}
	slices.Sort(list)
	p.model.archived[id] = !p.model.archived[id]
	p.publish(events.ClientUpserted, testkit.With(testkit.ClientData(id, list...), "active", !p.model.archived[id]))
}

// severalRequests publishes requests one after the other, before any of them is decided. One worker decides them all.
func (p *played) severalRequests(t *rapid.T) {
	for _, refused := range p.model.refused {
		if refused {
			t.Skip("a mail that is refused meanwhile stops those that are decided later")
		}
	}
	for range rapid.IntRange(2, 4).Draw(t, "requests") {
		rapid.SampledFrom([]func(*rapid.T){p.invite, p.invite, p.resend}).Draw(t, "request")(t)
	}
}

// idUsedTwice publishes another request under the id of one before. It becomes a dead letter, and changes nothing.
func (p *played) idUsedTwice(t *rapid.T) {
	if len(p.again) == 0 {
		t.Skip("nothing was requested yet")
	}
	client, who := playedClients.Draw(t, "client"), p.recipients(t)
	kind := rapid.SampledFrom([]events.Type{events.InviteRequested, events.AccessRemovalRequested}).Draw(t, "type")
	p.publishAs(rapid.SampledFrom(p.again).Draw(t, "id").id, kind,
		testkit.Object{"client_id": client, "requested_by": "Robin", "recipients": dataOf(who)})
}
