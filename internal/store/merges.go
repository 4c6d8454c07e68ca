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

// Merged is a contact that was merged into another one. Its id means the other one (ADR 125).
type Merged struct {
	FirmID, ContactID, Into string
	At                      Position // of the ContactsMerged
}

func scanMerged(row pgx.CollectableRow) (Merged, error) {
	var m Merged
	var sequence int64
	err := row.Scan(&m.FirmID, &m.ContactID, &m.Into, &m.At.Stream, &sequence)
	m.At.Sequence = uint64(sequence)
	return m, err
}

const mergedColumns = `m.firm_id, m.contact_id, m.into_id, m.stream, m.sequence`

// Merge merges contacts into another one. An id that was merged before means the contact that it was merged into, also
// here. So merges in a chain end at one contact, and a merge in a circle changes nothing. [Tx.MoveMerged] moves what
// the contacts have. The caller applies the merges of a firm in the stream's order.
func (t *Tx) Merge(ctx context.Context, firmID string, from []string, into string, at Position) ([]Merged, error) {
	known, err := collect(ctx, t, "find merged contacts", scanMerged, `
		SELECT `+mergedColumns+` FROM merged_contacts m WHERE firm_id = $1 AND contact_id = ANY ($2)`,
		firmID, append(slices.Clone(from), into))
	if err != nil {
		return nil, err
	}
	means := map[string]string{}
	for _, m := range known {
		means[m.ContactID] = m.Into
	}
	into = cmp.Or(means[into], into)
	var ids []string
	for _, id := range from {
		if id = cmp.Or(means[id], id); id != into && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	return collect(ctx, t, "merge contacts", scanMerged, `
		WITH chained AS (
			UPDATE merged_contacts SET into_id = $3, merged_at = ledger_now() WHERE firm_id = $1 AND into_id = ANY ($2)
		)
		INSERT INTO merged_contacts AS m (firm_id, contact_id, into_id, stream, sequence)
		SELECT $1, id, $3, $4, $5 FROM unnest($2::text[]) AS id
		RETURNING `+mergedColumns, firmID, ids, into, at.Stream, int64(at.Sequence))
}

// MoveMerged moves to the other contact what merged contacts have: their record, their places in the lists of clients,
// their access, their logins and their invites. It compares what is stored, so it may be called any number of times.
func (t *Tx) MoveMerged(ctx context.Context, merged []Merged) error {
	if len(merged) == 0 {
		return nil
	}
	var batch pgx.Batch
	queueMergedRecords(&batch, merged)
	var logins []ReservedLogin
	for _, m := range merged {
		from, into := rules.ContactPerson(m.ContactID), rules.ContactPerson(m.Into)
		queueMergedAccess(&batch, m.FirmID, from, into, m.At)
		queueMergedLogins(&batch, m.FirmID, from, into, &logins)
		queueMergedInvites(&batch, m.FirmID, from, into)
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("move what merged contacts have: %w", err)
	}
	return t.FreeLogins(ctx, logins)
}

// queueMerged finds those contacts of a batch of facts that were merged. Nearly always there is none.
func queueMerged(batch *pgx.Batch, facts *Facts, found *[]Merged) {
	var named pairs
	firms := map[string]bool{}
	for about, fact := range facts.contacts {
		if !fact.fact.removed {
			named.add(about.firmID, about.id)
		}
		firms[about.firmID] = true
	}
	for about, fact := range facts.clients {
		for _, c := range fact.fact.Contacts {
			named.add(about.firmID, c.ContactID)
		}
		firms[about.firmID] = true
	}
	if len(named.ids) == 0 {
		return
	}
	list := make([]string, 0, len(firms))
	for firm := range firms {
		list = append(list, firm)
	}
	batch.Queue(`
		SELECT `+mergedColumns+` FROM unnest($1::text[], $2::text[]) AS f (firm_id, contact_id)
		CROSS JOIN LATERAL (
			SELECT * FROM merged_contacts WHERE firm_id = f.firm_id AND contact_id = f.contact_id LIMIT 1) m
		WHERE EXISTS (SELECT FROM merged_contacts WHERE firm_id = ANY ($3))`, // once: most firms have none
		named.firms, named.ids, list).Query(func(rows pgx.Rows) (err error) {
		*found, err = pgx.CollectRows(rows, scanMerged)
		return err
	})
}

// moveFacts makes facts about merged contacts facts about the contacts that they were merged into. It returns the
// pending access that these may end.
func (t *Tx) moveFacts(ctx context.Context, merged []Merged) (pending []rules.AccessKey, err error) {
	if err := t.MoveMerged(ctx, merged); err != nil {
		return nil, err
	}
	return collect(ctx, t, "find pending access of merged contacts", pgx.RowToStructByPos[rules.AccessKey], `
		SELECT a.firm_id, a.client_id, a.person FROM (
			SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS p (firm_id, person)) p
		JOIN access a USING (firm_id, person) WHERE a.state = `+sqlInvited,
		column(merged, func(m Merged) string { return m.FirmID }),
		column(merged, func(m Merged) string { return string(rules.ContactPerson(m.Into)) }))
}

// StrayMerges returns contacts that were merged lately and have something all the same, up to n. It was written at the
// moment of the merge, by a transaction that did not see it.
func (t *Tx) StrayMerges(ctx context.Context, within time.Duration, n int) ([]Merged, error) {
	return collect(ctx, t, "find what merged contacts still have", scanMerged, `
		SELECT `+mergedColumns+` FROM merged_contacts m
		WHERE m.merged_at > ledger_now() - $1::interval AND (
			EXISTS (SELECT FROM access a WHERE a.firm_id = m.firm_id AND a.person = 'contact:' || m.contact_id)
			OR EXISTS (SELECT FROM logins l WHERE l.firm_id = m.firm_id AND l.person = 'contact:' || m.contact_id)
			OR EXISTS (SELECT FROM invites i WHERE i.firm_id = m.firm_id AND i.person = 'contact:' || m.contact_id)
			OR EXISTS (SELECT FROM contacts k WHERE k.firm_id = m.firm_id AND k.contact_id = m.contact_id AND NOT k.removed)
			OR EXISTS (SELECT FROM clients c WHERE c.firm_id = m.firm_id AND c.contact_ids @> ARRAY[m.contact_id]))
		ORDER BY m.firm_id, m.contact_id LIMIT $2`, within, n)
}

// contactNow is the contact that an id (SQL) of a firm (SQL) means: itself, or the one that it was merged into.
func contactNow(firm, id string) string {
	return `coalesce((SELECT into_id FROM merged_contacts WHERE merged_contacts.firm_id = ` + firm +
		` AND merged_contacts.contact_id = ` + id + `), ` + id + `)`
}

// personNow is the person that a person (SQL) of a firm (SQL) means, by [contactNow].
func personNow(firm, person string) string {
	return `coalesce((SELECT 'contact:' || into_id FROM merged_contacts WHERE merged_contacts.firm_id = ` + firm +
		` AND merged_contacts.contact_id = substr(` + person + `, 9) AND ` + person + ` LIKE 'contact:%'), ` + person + `)`
}
