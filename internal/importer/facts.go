package importer

import (
	"cmp"
	"slices"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// facts checks the drafts and makes facts of those without problems.
func (g *groups) facts() *Import {
	result := &Import{}
	g.refuseOrphans()
	for _, contact := range g.contacts {
		g.checkContact(contact)
		for _, client := range contact.clients {
			client.bad = append(client.bad, contact.bad...)
		}
	}
	wanted := map[*contactDraft]bool{}
	for _, client := range g.clients {
		fact := g.clientFact(client)
		if len(client.bad) > 0 {
			slices.Sort(client.bad)
			result.LeftOut = append(result.LeftOut, LeftOut{client.id, slices.Compact(client.bad)})
			continue
		}
		result.Clients = append(result.Clients, fact)
		for _, s := range client.contacts {
			wanted[s.contact] = true
		}
	}
	for _, contact := range g.contacts {
		if wanted[contact] {
			result.Contacts = append(result.Contacts, contact.fact())
		}
	}
	slices.SortStableFunc(g.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	result.Problems = g.problems
	return result
}

func (g *groups) checkContact(c *contactDraft) {
	if c.name == "" {
		c.name = g.nameOfClient(c)
	}
	if problems := check(events.ContactUpserted, c.fact(), c.line, ContactName); len(problems) > 0 {
		g.problems = append(g.problems, problems...)
		c.bad = append(c.bad, c.line)
	}
}

// nameOfClient returns a name for a contact if the file has no column for contacts' names. The contact of an individual
// client is the client, so it gets the client's name.
func (g *groups) nameOfClient(c *contactDraft) string {
	if g.columns.has(ContactName) || g.columns.has(FirstName) || g.columns.has(LastName) || len(c.clients) == 0 {
		return ""
	}
	client := c.clients[0]
	if client.kindOr(g.options.Kind) == rules.Business {
		return ""
	}
	return client.name
}

func (c *contactDraft) fact() events.Contact {
	return events.Contact{ContactID: c.id, Name: c.name, Email: c.email, Locale: c.locale}
}

func (c *clientDraft) kindOr(standard rules.ClientKind) rules.ClientKind {
	return cmp.Or(c.kind, standard)
}

func (g *groups) clientFact(c *clientDraft) events.Client {
	fact := events.Client{
		ClientID: c.id, Name: c.name, Kind: string(c.kindOr(g.options.Kind)), Active: c.active,
		Contacts: make([]events.ClientContact, len(c.contacts)),
	}
	for i, s := range c.contacts {
		fact.Contacts[i] = events.ClientContact{ContactID: s.contact.id, Primary: s.primary}
	}
	if len(c.bad) > 0 {
		return fact // a field may be missing because its row could not be read, so one problem is enough
	}
	if problems := check(events.ClientUpserted, fact, c.line, ClientName); len(problems) > 0 {
		g.problems = append(g.problems, problems...)
		c.bad = append(c.bad, c.line)
	}
	return fact
}
