package importer

import (
	"portal-invites/internal/address"
	"portal-invites/internal/rules"
)

// groups collects the rows into one draft for each client and each contact, in the order of the file.
type groups struct {
	columns columns
	options Options

	clients  []*clientDraft
	contacts []*contactDraft
	byClient map[string]*clientDraft
	byPerson map[string]*contactDraft
	byName   map[string]*clientDraft // folded client name, for rows that lack the id
	orphans  []orphan
	problems []Problem
}

// clientDraft has the values of one client from the rows that were read so far.
type clientDraft struct {
	id       string
	line     int // of its first row
	name     string
	kind     rules.ClientKind
	active   *bool
	contacts []clientContact
	placed   map[*contactDraft]int // the index of each in contacts
	bad      []int                 // lines because of which the client is left out
}

// clientContact is a contact of a client, from the row at line.
type clientContact struct {
	contact *contactDraft
	primary bool
	line    int
}

// contactDraft has the values of one contact from the rows that were read so far.
type contactDraft struct {
	id      string
	line    int
	name    string
	email   string
	locale  string
	clients []*clientDraft
	bad     []int // lines that contradict an earlier line or lack a value
}

func newGroups(c columns, o Options) *groups {
	return &groups{
		columns: c, options: o,
		byClient: map[string]*clientDraft{}, byPerson: map[string]*contactDraft{}, byName: map[string]*clientDraft{},
	}
}

// orphan is a row that does not name its client, with the client of the row above it.
type orphan struct {
	row
	above *clientDraft
}

// add adds one row. If the row has problems, its client is left out.
func (g *groups) add(r row) {
	client := g.clientOf(&r)
	if client == nil {
		o := orphan{row: r}
		if len(g.clients) > 0 {
			o.above = g.clients[len(g.clients)-1]
		}
		g.orphans = append(g.orphans, o)
		return
	}
	client.merge(&r)
	if r.hasContact {
		g.addContact(client, &r)
	}
	if len(r.problems) > 0 {
		client.bad = append(client.bad, r.line)
	}
	g.problems = append(g.problems, r.problems...)
}

// clientOf finds or starts the row's client. It returns nil if the row does not name its client.
func (g *groups) clientOf(r *row) *clientDraft {
	id := r.clientID
	if id == "" {
		if g.columns.has(ClientID) || r.clientName == "" {
			return nil
		}
		id = derivedClientID(r.clientName)
	}
	client := g.byClient[id]
	if client == nil {
		client = &clientDraft{id: id, line: r.line, placed: map[*contactDraft]int{}}
		g.byClient[id] = client
		g.clients = append(g.clients, client)
	}
	if name := fold(r.clientName); name != "" && g.byName[name] == nil {
		g.byName[name] = client
	}
	return client
}

// refuseOrphans reports the rows that do not name their client. Such a row most likely belongs to the client with the
// same name, or to the client above it. Without the row, that client would lose a contact, so that client is left out.
func (g *groups) refuseOrphans() {
	field := ClientName
	if g.columns.has(ClientID) {
		field = ClientID
	}
	for _, o := range g.orphans {
		owner := g.byName[fold(o.clientName)]
		if owner == nil && o.clientName == "" {
			owner = o.above
		}
		if owner == nil {
			o.wrong(field, "is empty")
		} else {
			o.wrong(field, "is empty; the row seems to belong to the client in line %d, which is left out", owner.line)
			owner.bad = append(owner.bad, o.line)
		}
		g.problems = append(g.problems, o.problems...)
	}
}

// merge adds the row's values to the client. An empty cell has no value. Two different values are a contradiction.
func (c *clientDraft) merge(r *row) {
	if !agree(&c.name, r.clientName) {
		r.contradicts(ClientName, c.line, "client")
	}
	if !agree(&c.kind, r.kind) {
		r.contradicts(Kind, c.line, "client")
	}
	switch {
	case c.active == nil:
		c.active = r.active
	case r.active != nil && *r.active != *c.active:
		r.contradicts(Status, c.line, "client")
	}
}

func (g *groups) addContact(client *clientDraft, r *row) {
	id := r.contactID
	switch {
	case id != "":
	case g.columns.has(ContactID):
		r.wrong(ContactID, "is empty, but the row has a name or an email")
		return
	default:
		id = derivedContactID(client.id, r.contactName, r.email)
	}
	contact := g.byPerson[id]
	if contact == nil {
		contact = &contactDraft{id: id, line: r.line}
		g.byPerson[id] = contact
		g.contacts = append(g.contacts, contact)
	}
	contact.merge(r)
	client.place(contact, r)
}

func (c *contactDraft) merge(r *row) {
	before := len(r.problems)
	if !agree(&c.name, r.contactName) {
		r.contradicts(ContactName, c.line, "contact")
	}
	if !agree(&c.locale, r.locale) {
		r.contradicts(Locale, c.line, "contact")
	}
	switch {
	case c.email == "":
		c.email = r.email
	case r.email != "" && !sameEmail(c.email, r.email):
		r.contradicts(Email, c.line, "contact")
	}
	if len(r.problems) > before {
		c.bad = append(c.bad, r.line)
	}
}

// place adds the contact to the client. Two equal rows are one contact. A contact who is Primary in one row and Other
// in another is a contradiction.
func (c *clientDraft) place(contact *contactDraft, r *row) {
	if i, placed := c.placed[contact]; placed {
		if s := c.contacts[i]; s.primary != r.primary {
			r.contradicts(Primary, s.line, "contact on this client")
		}
		return
	}
	c.placed[contact] = len(c.contacts)
	c.contacts = append(c.contacts, clientContact{contact, r.primary, r.line})
	contact.clients = append(contact.clients, c)
}

func (r *row) contradicts(field Field, line int, what string) {
	r.wrong(field, "differs from line %d, which is the same %s", line, what)
}

// agree stores the value if there is none yet. It says whether the two values are compatible: equal, or one of them
// empty.
func agree[T comparable](have *T, value T) bool {
	var nothing T
	if *have == nothing {
		*have = value
	}
	return value == nothing || value == *have
}

// sameEmail compares as the rules do. Capitals do not matter, nor does the form of an international domain.
func sameEmail(a, b string) bool {
	if a == b {
		return true
	}
	x, y := address.Parse(a), address.Parse(b)
	return x.Normal != "" && x.Normal == y.Normal
}
