package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// queue adds one statement for each kind of fact in the batch. Each statement takes its rows as arrays. The first four
// arrays are the same for all kinds: the firm, the id, and the two parts of the fact's position.
func (f *Facts) queue(batch *pgx.Batch) {
	queueFirms(batch, f.firms.list(always))
	contacts, clients := f.contacts.list(always), f.clients.list(func(c clientFact) bool { return !c.removed })
	queueContacts(batch, contacts, func() { f.late.contacts = append(f.late.contacts, contacts...) })
	queueClients(batch, clients, func() { f.late.clients = append(f.late.clients, clients...) })
	queueRemovedClients(batch, f.clients.list(func(c clientFact) bool { return c.removed }))
	queueSuppressions(batch, f.suppressions.list(always))
	queueTemplates(batch, f.templates.list(always))
}

func always[T any](T) bool { return true }

// queueFacts adds a statement, with the arrays that all kinds have and then those of this kind.
func queueFacts[T any](batch *pgx.Batch, sql string, facts []factRow[T], more ...any) {
	queueFactsOrLate(batch, sql, facts, func() {}, more...)
}

// queueFactsOrLate is like [queueFacts]. It calls late if some of the facts met newer ones.
func queueFactsOrLate[T any](batch *pgx.Batch, sql string, facts []factRow[T], late func(), more ...any) {
	if len(facts) == 0 {
		return
	}
	batch.Queue(sql, append(keysOf(facts), more...)...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() < int64(len(facts)) {
			late()
		}
		return nil
	})
}

func queueFirms(batch *pgx.Batch, facts []factRow[rules.Firm]) {
	queueFacts(batch, `
		INSERT INTO firms AS old (
			firm_id, stream, sequence, name, portal_url, reply_to, logo_url, color, locale, licenses, remind_after,
			time_zone, sender, left_out, send_hours, office_locale, invite_again, decline, limits)
		SELECT firm_id, stream, sequence, name, portal_url, reply_to, logo_url, color, locale, licenses::text[],
			nullif(remind_after, '0'), time_zone, sender, left_out, send_hours, office_locale, invite_again, decline, limits
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::text[], $10::text[], $11::text[], $12::interval[], $13::text[], $14::text[], $15::text[], $16::text[],
			$17::text[], $18::bool[], $19::bool[], $20::jsonb[])
			AS facts (firm_id, id, stream, sequence, name, portal_url, reply_to, logo_url, color, locale, licenses, remind_after,
				time_zone, sender, left_out, send_hours, office_locale, invite_again, decline, limits)
		ON CONFLICT (firm_id) DO UPDATE SET
			name = excluded.name, portal_url = excluded.portal_url, reply_to = excluded.reply_to, logo_url = excluded.logo_url,
			color = excluded.color, locale = excluded.locale, licenses = excluded.licenses, remind_after = excluded.remind_after,
			time_zone = excluded.time_zone, sender = excluded.sender, send_hours = excluded.send_hours,
			office_locale = excluded.office_locale,
			-- New hours begin with a window that is not known yet: until then, nothing is sent.
			opens_at = CASE WHEN (old.send_hours, old.time_zone) = (excluded.send_hours, excluded.time_zone)
				THEN old.opens_at END,
			closes_at = CASE WHEN (old.send_hours, old.time_zone) = (excluded.send_hours, excluded.time_zone)
				THEN old.closes_at END,
			left_out = excluded.left_out, invite_again = excluded.invite_again, decline = excluded.decline,
			limits = excluded.limits,
			stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		facts,
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.Name }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.PortalURL }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.ReplyTo }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.LogoURL }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.Color }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.Locale }),
		column(facts, func(f factRow[rules.Firm]) *string { return literalOrNull(f.fact.Licenses) }),
		column(facts, func(f factRow[rules.Firm]) time.Duration { return f.fact.RemindAfter }),
		column(facts, func(f factRow[rules.Firm]) string { return zoneName(f.fact.Zone) }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.Sender }),
		column(facts, func(f factRow[rules.Firm]) string { return lines(f.fact.LeftOut) }),
		column(facts, func(f factRow[rules.Firm]) string { return hoursText(f.fact.Hours) }),
		column(facts, func(f factRow[rules.Firm]) string { return f.fact.OfficeLocale }),
		column(facts, func(f factRow[rules.Firm]) bool { return f.fact.InviteAgain }),
		column(facts, func(f factRow[rules.Firm]) bool { return f.fact.Declines }),
		column(facts, func(f factRow[rules.Firm]) []byte { return limitsJSON(f.fact.Limits) }))
}

// NotePortalHost notes which host the portal of a firm had until a time.
func (t *Tx) NotePortalHost(ctx context.Context, firmID, before string, until time.Time) error {
	_, err := t.tx.Exec(ctx,
		`UPDATE firms SET portal_host_before = $2, portal_host_changed_at = $3 WHERE firm_id = $1`, firmID, before, until)
	if err != nil {
		return fmt.Errorf("note the portal that a firm had: %w", err)
	}
	return nil
}

// moveWindows is the statement of [Tx.MoveHours].
const moveWindows = `
	UPDATE firms f SET opens_at = w.opens, closes_at = w.closes
	FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS w (firm_id, opens, closes)
	WHERE f.firm_id = w.firm_id`

func lines(list []string) string { return strings.Join(list, "\n") }

func hoursText(hours rules.Hours) string {
	if hours == (rules.Hours{}) {
		return ""
	}
	return hours.String()
}

// limitsJSON encodes a firm's own limits, which can't fail: they are numbers.
func limitsJSON(limits rules.Limits) []byte {
	encoded, err := json.Marshal(limits)
	if err != nil {
		panic(err)
	}
	return encoded
}

func zoneName(zone *time.Location) string {
	if zone == nil {
		return ""
	}
	return zone.String()
}

// keepEmail keeps the email that a fact about a contact changes, and the last few before it.
var keepEmail = `
	emails_before = CASE WHEN excluded.removed THEN NULL
		WHEN old.removed OR old.email_normal = excluded.email_normal THEN old.emails_before
		ELSE CASE WHEN jsonb_array_length(old.emails_before) >= ` + strconv.Itoa(emailsKept) + ` THEN old.emails_before - 0
			ELSE coalesce(old.emails_before, '[]') END || jsonb_build_object(
				'was', old.email_normal, 'stream', excluded.stream, 'sequence', excluded.sequence) END`

// queueContacts writes contacts and tombstones. A removed contact keeps nothing but its id. It calls late if some of
// the facts met newer ones.
func queueContacts(batch *pgx.Batch, facts []factRow[contactFact], late func()) {
	queueFactsOrLate(batch, `
		INSERT INTO contacts AS old (firm_id, contact_id, stream, sequence, name, email, email_normal, locale, removed,
			left_out)
		SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[],
			$7::text[], $8::text[], $9::bool[], $10::text[])
		ON CONFLICT (firm_id, contact_id) DO UPDATE SET
			name = excluded.name, email = excluded.email, email_normal = excluded.email_normal, locale = excluded.locale,
			removed = excluded.removed, left_out = excluded.left_out,
			stream = excluded.stream, sequence = excluded.sequence,`+keepEmail+`
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		facts, late,
		column(facts, func(f factRow[contactFact]) string { return f.fact.Name }),
		column(facts, func(f factRow[contactFact]) string { return f.fact.Email.Written }),
		column(facts, func(f factRow[contactFact]) string { return f.fact.Email.Normal }),
		column(facts, func(f factRow[contactFact]) string { return f.fact.Locale }),
		column(facts, func(f factRow[contactFact]) bool { return f.fact.removed }),
		column(facts, func(f factRow[contactFact]) string { return lines(f.fact.LeftOut) }))
}

// queueClients writes client records. A client's contacts are arrays in its row (ADR 7). unnest would flatten an array
// of arrays, so each of them is passed as a text literal. It calls late if some of the facts met newer ones.
func queueClients(batch *pgx.Batch, facts []factRow[clientFact], late func()) {
	queueFactsOrLate(batch, `
		INSERT INTO clients AS old (firm_id, client_id, stream, sequence, kind, name, active, contact_ids, primaries, removed)
		SELECT firm_id, client_id, stream, sequence, kind, name, active, contact_ids::text[], primaries::bool[], false
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::bool[], $8::text[],
			$9::text[])
			AS facts (firm_id, client_id, stream, sequence, kind, name, active, contact_ids, primaries)
		ON CONFLICT (firm_id, client_id) DO UPDATE SET
			kind = excluded.kind, name = excluded.name, active = excluded.active,
			contact_ids = excluded.contact_ids, primaries = excluded.primaries,
			removed = false, stream = excluded.stream, sequence = excluded.sequence,
			contacts_before = CASE WHEN old.removed OR old.contact_ids = excluded.contact_ids THEN old.contacts_before
				ELSE nullif(CASE WHEN jsonb_array_length(old.contacts_before) < `+contactsKept+` THEN old.contacts_before
					ELSE '[]' END || coalesce((
						SELECT jsonb_agg(jsonb_build_object('was', id, 'stream', excluded.stream, 'sequence', excluded.sequence))
						FROM (SELECT unnest(old.contact_ids) AS id EXCEPT SELECT unnest(excluded.contact_ids)) gone), '[]'),
					'[]') END
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		facts, late,
		column(facts, func(f factRow[clientFact]) string { return string(f.fact.Kind) }),
		column(facts, func(f factRow[clientFact]) string { return f.fact.Name }),
		column(facts, func(f factRow[clientFact]) bool { return f.fact.Active }),
		column(facts, func(f factRow[clientFact]) string {
			return literal(f.fact.contactIDs())
		}),
		column(facts, func(f factRow[clientFact]) string {
			return literal(column(f.fact.Contacts, func(c rules.ClientContact) string { return strconv.FormatBool(c.Primary) }))
		}))
}

// queueRemovedClients writes tombstones. They keep the client's name, because later outcomes of old invites name the
// client.
func queueRemovedClients(batch *pgx.Batch, facts []factRow[clientFact]) {
	queueFacts(batch, `
		INSERT INTO clients AS old (firm_id, client_id, stream, sequence, kind, name, active, contact_ids, primaries, removed)
		SELECT firm_id, client_id, stream, sequence, '', '', false, '{}', '{}', true
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) AS facts (firm_id, client_id, stream, sequence)
		ON CONFLICT (firm_id, client_id) DO UPDATE SET removed = true, stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		facts)
}

// queueTemplates writes templates and tombstones.
func queueTemplates(batch *pgx.Batch, facts []factRow[templateFact]) {
	queueFacts(batch, `
		INSERT INTO templates AS old (firm_id, template_id, stream, sequence, name, body, removed)
		SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::bool[])
		ON CONFLICT (firm_id, template_id) DO UPDATE SET
			name = excluded.name, body = excluded.body, removed = excluded.removed,
			stream = excluded.stream, sequence = excluded.sequence
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		facts,
		column(facts, func(f factRow[templateFact]) string { return f.fact.name }),
		column(facts, func(f factRow[templateFact]) string { return f.fact.body }),
		column(facts, func(f factRow[templateFact]) bool { return f.fact.removed }))
}

// literal is an array as text, with every element in quotes (PostgreSQL documentation, section 8.15.2).
func literal(elements []string) string {
	quoted := column(elements, func(e string) string { return `"` + quoting.Replace(e) + `"` })
	return "{" + strings.Join(quoted, ",") + "}"
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// literalOrNull is [literal], but NULL for a list that was left out. A list that was left out and an empty list mean
// different things.
func literalOrNull(elements []string) *string {
	if elements == nil {
		return nil
	}
	text := literal(elements)
	return &text
}

// queueMergedRecords writes a fact about a merged contact as a fact about the contact that it was merged into, if it is
// newer than the merge. If that contact is unknown or was removed, it gets the merged contact's record. The merged
// contact keeps a tombstone. In the lists of clients, the other contact takes its place.
func queueMergedRecords(batch *pgx.Batch, merged []Merged) {
	of := []any{
		column(merged, func(m Merged) string { return m.FirmID }),
		column(merged, func(m Merged) string { return m.ContactID }),
	}
	batch.Queue(`
		INSERT INTO contacts AS old (firm_id, contact_id, stream, sequence, name, email, email_normal, locale, removed)
		SELECT DISTINCT ON (m.firm_id, m.into_id) m.firm_id, m.into_id, place.stream, place.sequence,
			k.name, k.email, k.email_normal, k.locale, false
		FROM unnest($1::text[], $2::text[]) AS f (firm_id, contact_id)
		JOIN merged_contacts m USING (firm_id, contact_id) JOIN contacts k USING (firm_id, contact_id)
		CROSS JOIN LATERAL (
			SELECT stream, sequence FROM (VALUES (k.stream, k.sequence), (m.stream, m.sequence)) AS p (stream, sequence)
			ORDER BY stream DESC, sequence DESC LIMIT 1) place
		WHERE NOT k.removed AND ((k.stream, k.sequence) > (m.stream, m.sequence) OR NOT EXISTS (
			SELECT FROM contacts t WHERE t.firm_id = m.firm_id AND t.contact_id = m.into_id AND NOT t.removed))
		ORDER BY m.firm_id, m.into_id, k.stream DESC, k.sequence DESC
		ON CONFLICT (firm_id, contact_id) DO UPDATE SET
			name = excluded.name, email = excluded.email, email_normal = excluded.email_normal, locale = excluded.locale,
			removed = false, stream = excluded.stream, sequence = excluded.sequence,`+keepEmail+`
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`, of...)
	batch.Queue(`
		UPDATE contacts k SET removed = true, name = '', email = '', email_normal = '', locale = '',
			emails_before = NULL,
			stream = greatest(k.stream, m.stream),
			sequence = CASE WHEN k.stream = m.stream THEN greatest(k.sequence, m.sequence)
			                WHEN k.stream > m.stream THEN k.sequence ELSE m.sequence END
		FROM unnest($1::text[], $2::text[]) AS f (firm_id, contact_id) JOIN merged_contacts m USING (firm_id, contact_id)
		WHERE k.firm_id = m.firm_id AND k.contact_id = m.contact_id AND NOT k.removed`, of...)
	batch.Queue(`
		UPDATE clients c SET contact_ids = listed.ids, primaries = listed.primaries
		FROM (
			SELECT firm_id, client_id, array_agg(id ORDER BY id) AS ids, array_agg(is_primary ORDER BY id) AS primaries
			FROM (
				SELECT c.firm_id, c.client_id, coalesce(m.into_id, l.id) COLLATE "C" AS id, bool_or(l.is_primary) AS is_primary
				FROM (
					SELECT DISTINCT c.firm_id, c.client_id
					FROM unnest($1::text[], $2::text[]) AS f (firm_id, contact_id)
					JOIN clients c ON c.firm_id = f.firm_id AND c.contact_ids @> ARRAY[f.contact_id]
				) with_merged JOIN clients c USING (firm_id, client_id)
				CROSS JOIN LATERAL unnest(c.contact_ids, c.primaries) AS l (id, is_primary)
				LEFT JOIN merged_contacts m ON m.firm_id = c.firm_id AND m.contact_id = l.id
				GROUP BY c.firm_id, c.client_id, coalesce(m.into_id, l.id)
			) people GROUP BY firm_id, client_id
		) listed
		WHERE c.firm_id = listed.firm_id AND c.client_id = listed.client_id`, of...)
}

// contactsKept is how many contacts that have left a client's list stay noted when others leave it (SQL).
const contactsKept = `100`

// queueEmailsBefore and queueContactsBefore write what was true before the newest fact about a thing.
func queueEmailsBefore(batch *pgx.Batch, changed map[thing][]before) {
	queueBefore(batch, `
		UPDATE contacts k SET emails_before = b.list::jsonb FROM unnest($1::text[], $2::text[], $3::text[])
			AS b (firm_id, id, list)
		WHERE k.firm_id = b.firm_id AND k.contact_id = b.id`, changed)
}

func queueContactsBefore(batch *pgx.Batch, changed map[thing][]before) {
	queueBefore(batch, `
		UPDATE clients c SET contacts_before = b.list::jsonb FROM unnest($1::text[], $2::text[], $3::text[])
			AS b (firm_id, id, list)
		WHERE c.firm_id = b.firm_id AND c.client_id = b.id`, changed)
}

func queueBefore(batch *pgx.Batch, sql string, changed map[thing][]before) {
	var firms, ids, lists []string
	for about, list := range changed {
		text, err := json.Marshal(list)
		if err != nil || len(list) == 0 {
			continue // texts and numbers always have a JSON form
		}
		firms, ids, lists = append(firms, about.firmID), append(ids, about.id), append(lists, string(text))
	}
	if len(ids) > 0 {
		batch.Queue(sql, firms, ids, lists)
	}
}
