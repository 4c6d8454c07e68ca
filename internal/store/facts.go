package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Position is where an event stands: the creation of its stream, then its sequence. Facts are applied in this order
// whatever order they arrive in.
type Position struct {
	Stream   time.Time
	Sequence uint64
}

func (p Position) before(q Position) bool {
	return cmp.Or(p.Stream.Compare(q.Stream), cmp.Compare(p.Sequence, q.Sequence)) < 0
}

// Facts is a batch of facts to apply: of each thing, the newest that was noted. The zero value is empty.
type Facts struct {
	firms        latest[rules.Firm]
	contacts     latest[contactFact]
	clients      latest[clientFact]
	suppressions latest[suppressionFact]
	templates    latest[templateFact]
}

// contactFact is a contact, or its tombstone: then it has no more than its id.
type contactFact struct {
	rules.Contact
	removed bool
}

// clientFact is a client record, or its tombstone.
type clientFact struct {
	rules.Client
	removed bool
}

type suppressionFact struct {
	cause  string
	lifted bool
}

type templateFact struct{ name, body string }

// Firm notes a firm's settings.
func (f *Facts) Firm(firm rules.Firm, at Position) { f.firms.note(firm.ID, "", at, firm) }

// Contact notes a contact's name and email.
func (f *Facts) Contact(firmID string, c rules.Contact, at Position) {
	f.contacts.note(firmID, c.ID, at, contactFact{Contact: c})
}

// ContactRemoved leaves a tombstone. What the removal ends is [Tx.EndContact]'s.
func (f *Facts) ContactRemoved(firmID, contactID string, at Position) {
	f.contacts.note(firmID, contactID, at, contactFact{removed: true})
}

// Client notes a client record with its contacts.
func (f *Facts) Client(firmID string, c rules.Client, at Position) {
	c.Contacts = sorted(c.Contacts, func(a, b rules.ClientContact) int { return cmp.Compare(a.ContactID, b.ContactID) })
	f.clients.note(firmID, c.ID, at, clientFact{Client: c})
}

// ClientRemoved leaves a tombstone. What the removal ends is [Tx.EndClient]'s.
func (f *Facts) ClientRemoved(firmID, clientID string, at Position) {
	f.clients.note(firmID, clientID, at, clientFact{removed: true})
}

// Suppression notes that an email (normal form) must get no mail, or may get it again.
func (f *Facts) Suppression(firmID, email, cause string, lifted bool, at Position) {
	f.suppressions.note(firmID, email, at, suppressionFact{cause, lifted})
}

// Template notes a message template.
func (f *Facts) Template(firmID, templateID, name, body string, at Position) {
	f.templates.note(firmID, templateID, at, templateFact{name, body})
}

// ApplyFacts writes a batch of facts in one round trip, one statement a kind. A fact older than what is there changes nothing, so
// a batch may be applied any number of times, in any order, by several workers.
func (t *Tx) ApplyFacts(ctx context.Context, facts *Facts) error {
	var batch pgx.Batch
	facts.queue(&batch)
	if batch.Len() == 0 {
		return nil
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("apply facts: %w", err)
	}
	return nil
}

// latest is the newest fact about each thing of one kind. Of two facts about one thing, a single statement can't write both: the
// second would meet the row that the first has just written (SQLSTATE 21000).
type latest[T any] map[thing]factRow[T]

// thing is what a fact is about: a firm, or something of a firm's.
type thing struct{ firmID, id string }

// factRow is what was said of a thing, and where in the stream.
type factRow[T any] struct {
	thing
	at   Position
	what T
}

// note keeps a fact, unless one is there that is not older.
func (l *latest[T]) note(firmID, id string, at Position, what T) {
	if *l == nil {
		*l = latest[T]{}
	}
	about := thing{firmID, id}
	if known, ok := (*l)[about]; !ok || known.at.before(at) {
		(*l)[about] = factRow[T]{about, at, what}
	}
}

// list has the facts that meet the condition, in the order of what they are about: rows are always written in key order.
func (l latest[T]) list(wanted func(T) bool) []factRow[T] {
	var list []factRow[T]
	for _, fact := range l {
		if wanted(fact.what) {
			list = append(list, fact)
		}
	}
	return sorted(list, func(a, b factRow[T]) int { return cmp.Or(cmp.Compare(a.firmID, b.firmID), cmp.Compare(a.id, b.id)) })
}
