package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Position is the place of an event in the order of all events: first the creation time of its stream, or the time at
// which its epoch began ([EventStream]), then its sequence. Facts take effect in this order, whatever order they arrive
// in.
type Position struct {
	Stream   time.Time
	Sequence uint64
}

// Before says whether p comes earlier than q in the order of all events.
func (p Position) Before(q Position) bool {
	return cmp.Or(p.Stream.Compare(q.Stream), cmp.Compare(p.Sequence, q.Sequence)) < 0
}

// Facts is a batch of facts to apply. It keeps the newest fact about each thing. The zero value is empty.
type Facts struct {
	firms        latest[rules.Firm]
	contacts     latest[contactFact]
	clients      latest[clientFact]
	suppressions latest[suppressionFact]
	templates    latest[templateFact]
	logins       []loginFact
	late         lateFacts
	removed      removedThings
}

// removedThings are the ids of what facts have removed, also if a later fact brings it back.
type removedThings struct{ contacts, clients []string }

// contactFact is a contact, or its tombstone, which has nothing but the id.
type contactFact struct {
	rules.Contact
	removed bool
}

// clientFact is a client record, or its tombstone.
type clientFact struct {
	rules.Client
	removed bool
}

func (c clientFact) contactIDs() []string {
	return column(c.Contacts, func(on rules.ClientContact) string { return on.ContactID })
}

type suppressionFact struct {
	email, cause string
	lifted       bool
	since        time.Time // of one that is not lifted
}

// templateFact is a message template, or its tombstone, which has nothing but the id.
type templateFact struct {
	name, body string
	removed    bool
}

// Firm adds a firm's settings.
func (f *Facts) Firm(firm rules.Firm, at Position) { f.firms.add(firm.ID, "", at, firm) }

// Contact adds a contact's name and email.
func (f *Facts) Contact(firmID string, c rules.Contact, at Position) {
	if older, met := f.contacts.add(firmID, c.ID, at, contactFact{Contact: c}); met {
		f.late.contacts = append(f.late.contacts, older)
	}
}

// ContactRemoved adds a contact's tombstone. [Tx.EndContact] ends the contact's access.
func (f *Facts) ContactRemoved(firmID, contactID string, at Position) {
	f.contacts.add(firmID, contactID, at, contactFact{removed: true})
	f.removed.contacts = append(f.removed.contacts, contactID)
}

// Client adds a client record with its contacts.
func (f *Facts) Client(firmID string, c rules.Client, at Position) {
	c.Contacts = sorted(c.Contacts, func(a, b rules.ClientContact) int { return cmp.Compare(a.ContactID, b.ContactID) })
	if older, met := f.clients.add(firmID, c.ID, at, clientFact{Client: c}); met {
		f.late.clients = append(f.late.clients, older)
	}
}

// ClientRemoved adds a client's tombstone. [Tx.EndClient] ends the access to its portal.
func (f *Facts) ClientRemoved(firmID, clientID string, at Position) {
	f.clients.add(firmID, clientID, at, clientFact{removed: true})
	f.removed.clients = append(f.removed.clients, clientID)
}

// The causes of a suppression. Each is on record by itself (ADR 102).
const (
	CauseBounce    = "bounce"
	CauseComplaint = "complaint"
	CauseManual    = "manual"
)

// Causes lists the causes of a suppression.
func Causes() []string { return []string{CauseBounce, CauseComplaint, CauseManual} }

// Suppression adds that an email (normal form) must get no mail since that time.
func (f *Facts) Suppression(firmID, email, cause string, since time.Time, at Position) {
	f.addSuppression(firmID, at, suppressionFact{email: email, cause: cause, since: since})
}

// Unsuppression adds that a cause no longer stops mail to an email since that time. A person's own decision, the cause
// manual, ends every cause.
func (f *Facts) Unsuppression(firmID, email, cause string, since time.Time, at Position) {
	causes := []string{cause}
	if cause == CauseManual {
		causes = Causes()
	}
	for _, c := range causes {
		f.addSuppression(firmID, at, suppressionFact{email: email, cause: c, lifted: true, since: since})
	}
}

func (f *Facts) addSuppression(firmID string, at Position, fact suppressionFact) {
	f.suppressions.add(firmID, fact.email+" "+fact.cause, at, fact)
}

// Template adds a message template.
func (f *Facts) Template(firmID, templateID, name, body string, at Position) {
	f.templates.add(firmID, templateID, at, templateFact{name: name, body: body})
}

// TemplateRemoved adds a template's tombstone.
func (f *Facts) TemplateRemoved(firmID, templateID string, at Position) {
	f.templates.add(firmID, templateID, at, templateFact{removed: true})
}

// loginFact says that a person has logged in: a contact of a client, or whoever logs in with the email.
type loginFact struct {
	firmID, clientID, contactID, email string
	at                                 Position
}

// LoggedIn adds that a person has logged in, which [Tx.Grant] applies afterwards. A fact behind it in the stream does
// not end the person's access, because it is no longer pending by then.
func (f *Facts) LoggedIn(firmID, clientID, contactID, email string, at Position) {
	f.logins = append(f.logins, loginFact{firmID, clientID, contactID, email, at})
}

// ApplyFacts writes a batch of facts in one round trip, with one statement for each kind (ADR 6). A fact older than the
// stored one changes nothing. So a batch may be applied any number of times, in any order, by several workers.
//
// It ends the pending access that no longer agrees with what is stored then, and returns the changes.
func (t *Tx) ApplyFacts(ctx context.Context, facts *Facts) ([]AccessChange, error) {
	if err := t.hashSuppressions(ctx, facts); err != nil {
		return nil, err
	}
	var batch pgx.Batch
	facts.queue(&batch)
	if batch.Len() == 0 {
		return nil, nil
	}
	var pending []rules.AccessKey
	queuePending(&batch, facts, &pending)
	var merged []Merged
	queueMerged(&batch, facts, &merged)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("apply facts: %w", err)
	}
	if err := t.noteLate(ctx, facts.late); err != nil {
		return nil, err
	}
	if len(merged) > 0 {
		also, err := t.moveFacts(ctx, merged)
		if err != nil {
			return nil, err
		}
		pending = append(pending, also...)
	}
	return t.endByFacts(ctx, pending, facts.logins)
}

// latest is the newest fact about each thing of one kind. A single statement can't write two facts about one thing: the
// second would meet the row that the first has just written (SQLSTATE 21000).
type latest[T any] map[thing]factRow[T]

// thing is what a fact is about: a firm, or something that belongs to a firm.
type thing struct{ firmID, id string }

// factRow is a fact about a thing, and its place in the stream.
type factRow[T any] struct {
	thing
	at   Position
	fact T
}

// add keeps a fact, unless it has one about the same thing that is not older. If it had one, it returns the older of
// the two.
func (l *latest[T]) add(firmID, id string, at Position, fact T) (older factRow[T], met bool) {
	if *l == nil {
		*l = latest[T]{}
	}
	about := thing{firmID, id}
	added := factRow[T]{about, at, fact}
	known, met := (*l)[about]
	if met && !known.at.Before(at) {
		return added, true
	}
	(*l)[about] = added
	return known, met
}

// list returns the facts that meet the condition, in the order of their keys, in which rows are always written.
func (l latest[T]) list(wanted func(T) bool) []factRow[T] {
	var list []factRow[T]
	for _, row := range l {
		if wanted(row.fact) {
			list = append(list, row)
		}
	}
	return sorted(list, func(a, b factRow[T]) int {
		return cmp.Or(cmp.Compare(a.firmID, b.firmID), cmp.Compare(a.id, b.id))
	})
}
