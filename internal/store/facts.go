package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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

// fact is one write to the projection.
type fact struct {
	key  string // what it is about; facts are written in the order of their keys, so that batches can't deadlock
	at   Position
	sql  string
	args []any
}

// Facts is a batch of facts to apply. The zero value is empty.
type Facts struct{ list []fact }

func (f *Facts) add(key string, at Position, sql string, args ...any) {
	f.list = append(f.list, fact{key, at, sql, append(args, at.Stream, int64(at.Sequence))})
}

// ApplyFacts writes a batch of facts in one round trip. A fact older than what is there changes nothing, so a batch may be
// applied any number of times, in any order, by several workers.
func (t *Tx) ApplyFacts(ctx context.Context, facts *Facts) error {
	if len(facts.list) == 0 {
		return nil
	}
	slices.SortStableFunc(facts.list, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.key, b.key), a.at.Stream.Compare(b.at.Stream), cmp.Compare(a.at.Sequence, b.at.Sequence))
	})
	var batch pgx.Batch
	for _, f := range facts.list {
		batch.Queue(f.sql, f.args...)
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("apply facts: %w", err)
	}
	return nil
}

// An upsert and a removal of one thing share a key, so that within a batch the later one comes later.
func contactFact(firmID, contactID string) string { return "2/" + firmID + "/" + contactID }
func clientFact(firmID, clientID string) string   { return "3/" + firmID + "/" + clientID }

// Firm notes a firm's settings.
func (f *Facts) Firm(firm rules.Firm, at Position) {
	f.add("1/"+firm.ID, at, `
		INSERT INTO firms AS old (firm_id, name, portal_url, reply_to, logo_url, color, locale, licenses, remind_after, stream, sequence)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9::interval, '0'), $10, $11)
		ON CONFLICT (firm_id) DO UPDATE SET
			name = excluded.name, portal_url = excluded.portal_url, reply_to = excluded.reply_to, logo_url = excluded.logo_url,
			color = excluded.color, locale = excluded.locale, licenses = excluded.licenses, remind_after = excluded.remind_after,
			stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firm.ID, firm.Name, firm.PortalURL, firm.ReplyTo, firm.LogoURL, firm.Color, firm.Locale, firm.Licenses, firm.RemindAfter)
}

// Contact notes a contact's name and email.
func (f *Facts) Contact(firmID string, c rules.Contact, at Position) {
	f.add(contactFact(firmID, c.ID), at, `
		INSERT INTO contacts AS old (firm_id, contact_id, name, email, email_normal, locale, removed, stream, sequence)
		VALUES ($1, $2, $3, $4, $5, $6, false, $7, $8)
		ON CONFLICT (firm_id, contact_id) DO UPDATE SET
			name = excluded.name, email = excluded.email, email_normal = excluded.email_normal, locale = excluded.locale,
			removed = false, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firmID, c.ID, c.Name, c.Email.Written, c.Email.Normal, c.Locale)
}

// Client notes a client record with its contacts.
func (f *Facts) Client(firmID string, c rules.Client, at Position) {
	contacts := slices.Clone(c.Contacts)
	slices.SortFunc(contacts, func(a, b rules.ClientContact) int { return cmp.Compare(a.ContactID, b.ContactID) })
	ids, primaries := make([]string, len(contacts)), make([]bool, len(contacts))
	for i, contact := range contacts {
		ids[i], primaries[i] = contact.ContactID, contact.Primary
	}
	f.add(clientFact(firmID, c.ID), at, `
		INSERT INTO clients AS old (firm_id, client_id, kind, name, active, contact_ids, primaries, removed, stream, sequence)
		VALUES ($1, $2, $3, $4, $5, $6, $7, false, $8, $9)
		ON CONFLICT (firm_id, client_id) DO UPDATE SET
			kind = excluded.kind, name = excluded.name, active = excluded.active,
			contact_ids = excluded.contact_ids, primaries = excluded.primaries,
			removed = false, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firmID, c.ID, c.Kind, c.Name, c.Active, ids, primaries)
}

// Suppression notes that an email (normal form) must get no mail, or may get it again.
func (f *Facts) Suppression(firmID, email, cause string, lifted bool, at Position) {
	f.add("4/"+firmID+"/"+email, at, `
		INSERT INTO suppressions AS old (firm_id, email, cause, lifted, stream, sequence)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (firm_id, email) DO UPDATE SET
			cause = excluded.cause, lifted = excluded.lifted, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firmID, email, cause, lifted)
}

// Template notes a message template.
func (f *Facts) Template(firmID, templateID, name, body string, at Position) {
	f.add("5/"+firmID+"/"+templateID, at, `
		INSERT INTO templates AS old (firm_id, template_id, name, body, stream, sequence)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (firm_id, template_id) DO UPDATE SET
			name = excluded.name, body = excluded.body, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firmID, templateID, name, body)
}

// ContactRemoved leaves a tombstone. What the removal ends is [Tx.EndContact]'s.
func (f *Facts) ContactRemoved(firmID, contactID string, at Position) {
	f.add(contactFact(firmID, contactID), at, `
		INSERT INTO contacts AS old (firm_id, contact_id, name, email, email_normal, locale, removed, stream, sequence)
		VALUES ($1, $2, '', '', '', '', true, $3, $4)
		ON CONFLICT (firm_id, contact_id) DO UPDATE SET
			name = '', email = '', email_normal = '', removed = true, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firmID, contactID)
}

// ClientRemoved leaves a tombstone. What the removal ends is [Tx.EndClient]'s.
func (f *Facts) ClientRemoved(firmID, clientID string, at Position) {
	f.add(clientFact(firmID, clientID), at, `
		INSERT INTO clients AS old (firm_id, client_id, kind, name, active, contact_ids, primaries, removed, stream, sequence)
		VALUES ($1, $2, '', '', false, '{}', '{}', true, $3, $4)
		ON CONFLICT (firm_id, client_id) DO UPDATE SET removed = true, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		firmID, clientID)
}
