package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A login may be applied after facts that the stream has behind it. What it means depends on what was known at its
// place: which email a contact had, and who was on a client's list. So both are kept for a while in the rows (ADR 127).

// before is what a row said until a fact changed it: a contact's email, or a contact on a client's list.
type before struct {
	Was      string    `json:"was"`
	Stream   time.Time `json:"stream"` // of the fact that changed it
	Sequence uint64    `json:"sequence"`
}

func (b before) until() Position { return Position{b.Stream, b.Sequence} }

func until(was string, at Position) before { return before{was, at.Stream, at.Sequence} }

// emailsKept is how many emails a contact's row keeps besides the one of today.
const emailsKept = 4

// placeOf is the position of an element (SQL) of a column of [before].
func placeOf(b string) string {
	return `((` + b + `->>'stream')::timestamptz, (` + b + `->>'sequence')::bigint)`
}

// emailAt is the email (SQL) of a contact's row at a place p in the stream.
func emailAt(contact, p string) string {
	return `CASE WHEN ` + contact + `.emails_before IS NULL THEN ` + contact + `.email_normal ELSE coalesce((
		SELECT b->>'was' FROM jsonb_array_elements(` + contact + `.emails_before) b
		WHERE ` + placeOf("b") + ` > (` + p + `.stream, ` + p + `.sequence) ORDER BY ` + placeOf("b") + ` LIMIT 1),
		` + contact + `.email_normal) END`
}

// listAt is the list (SQL) of contacts of a client's row at a place p in the stream. It also has those who have joined
// since.
func listAt(client, p string) string {
	return `(CASE WHEN ` + client + `.contacts_before IS NULL THEN ` + client + `.contact_ids
		ELSE ` + client + `.contact_ids || ARRAY(
			SELECT b->>'was' FROM jsonb_array_elements(` + client + `.contacts_before) b
			WHERE ` + placeOf("b") + ` > (` + p + `.stream, ` + p + `.sequence)) END)`
}

// endedSince is a condition on an access a: facts have ended it that the stream has behind a login g. At the place of
// the login, the access was pending.
func endedSince(g string) string {
	return `(a.removed_why <> '' AND a.state = ` + sqlRemoved + `
		AND (a.stream, a.sequence) < (` + g + `.stream, ` + g + `.sequence)
		AND (a.ended_stream, a.ended_sequence) > (` + g + `.stream, ` + g + `.sequence)
		AND EXISTS (
			SELECT FROM contacts k JOIN clients c USING (firm_id)
			WHERE k.firm_id = a.firm_id AND k.contact_id = substr(a.person, 9) AND NOT k.removed
			  AND c.client_id = a.client_id AND NOT c.removed
			  AND ` + emailAt("k", g) + ` = a.email AND k.contact_id = ANY (` + listAt("c", g) + `)))`
}

// lateFacts are facts about contacts and clients that met a newer one. What they say was true until then.
type lateFacts struct {
	contacts []factRow[contactFact]
	clients  []factRow[clientFact]
}

// noteLate notes what facts say that came late. Nearly always there are none.
func (t *Tx) noteLate(ctx context.Context, late lateFacts) error {
	var batch pgx.Batch
	if err := t.lateEmails(ctx, &batch, late.contacts); err != nil {
		return err
	}
	if err := t.lateLists(ctx, &batch, late.clients); err != nil {
		return err
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("note facts that came late: %w", err)
	}
	return nil
}

// keptRow is a row that a late fact has met.
type keptRow struct {
	n      int // of the late fact
	at     Position
	email  string
	ids    []string
	before []before
}

func (t *Tx) lateEmails(ctx context.Context, batch *pgx.Batch, late []factRow[contactFact]) error {
	late = inOrder(slices.DeleteFunc(slices.Clone(late), func(f factRow[contactFact]) bool { return f.fact.removed }))
	if len(late) == 0 {
		return nil
	}
	scan := scanKept(func(r *keptRow) any { return &r.email })
	rows, err := collect(ctx, t, "find contacts that have newer facts", scan, `
		SELECT f.n, k.stream, k.sequence, k.emails_before, k.email_normal
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[]) WITH ORDINALITY
			AS f (firm_id, id, stream, sequence, email, n)
		CROSS JOIN LATERAL (SELECT * FROM contacts WHERE firm_id = f.firm_id AND contact_id = f.id LIMIT 1) k
		WHERE NOT k.removed AND (k.stream, k.sequence) > (f.stream, f.sequence)
		  AND (k.email_normal <> f.email OR k.emails_before IS NOT NULL)
		ORDER BY f.n`, append(keysOf(late),
		column(late, func(f factRow[contactFact]) string { return f.fact.Email.Normal }))...)
	if err != nil {
		return err
	}
	changed := map[thing][]before{}
	for _, row := range rows {
		f := late[row.n-1]
		if known, again := changed[f.thing]; again {
			row.before = known
		}
		changed[f.thing] = withLateEmail(row, f.fact.Email.Normal, f.at)
	}
	queueEmailsBefore(batch, changed)
	return nil
}

// withLateEmail adds that a contact's email was this one from a place in the stream on, until the next change.
func withLateEmail(row keptRow, email string, from Position) []before {
	list := slices.Clone(row.before)
	next := slices.IndexFunc(list, func(b before) bool { return from.Before(b.until()) })
	was := row.email
	if next >= 0 {
		was = list[next].Was
	}
	switch {
	case was == email:
		return list
	case next >= 0:
		list[next].Was = email
		list = slices.Insert(list, next, until(was, from))
	default:
		list = append(list, until(was, from), until(email, row.at))
	}
	return list[max(0, len(list)-emailsKept):]
}

func (t *Tx) lateLists(ctx context.Context, batch *pgx.Batch, late []factRow[clientFact]) error {
	late = inOrder(slices.DeleteFunc(slices.Clone(late), func(f factRow[clientFact]) bool { return f.fact.removed }))
	if len(late) == 0 {
		return nil
	}
	scan := scanKept(func(r *keptRow) any { return &r.ids })
	rows, err := collect(ctx, t, "find clients that have newer facts", scan, `
		SELECT f.n, c.stream, c.sequence, c.contacts_before, c.contact_ids
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[]) WITH ORDINALITY
			AS f (firm_id, id, stream, sequence, ids, n)
		CROSS JOIN LATERAL (SELECT * FROM clients WHERE firm_id = f.firm_id AND client_id = f.id LIMIT 1) c
		WHERE NOT c.removed AND (c.stream, c.sequence) > (f.stream, f.sequence)
		  AND (c.contacts_before IS NOT NULL OR NOT f.ids::text[] <@ c.contact_ids)
		ORDER BY f.n`, append(keysOf(late),
		column(late, func(f factRow[clientFact]) string { return literal(f.fact.contactIDs()) }))...)
	if err != nil {
		return err
	}
	changed := map[thing][]before{}
	for _, row := range rows {
		f := late[row.n-1]
		if known, again := changed[f.thing]; again {
			row.before = known
		}
		changed[f.thing] = withLateList(row, f.fact.contactIDs(), f.at)
	}
	queueContactsBefore(batch, changed)
	return nil
}

// withLateList adds that a client's list was this one at a place in the stream.
func withLateList(row keptRow, ids []string, at Position) []before {
	list := slices.Clone(row.before)
	for i, b := range list {
		if at.Before(b.until()) && !slices.Contains(ids, b.Was) {
			list[i] = until(b.Was, at) // they had left by then
		}
	}
	for _, id := range ids {
		stays := slices.Contains(row.ids, id) ||
			slices.ContainsFunc(list, func(b before) bool { return b.Was == id && at.Before(b.until()) })
		if !stays {
			list = append(list, until(id, row.at))
		}
	}
	return list
}

// inOrder returns facts in the stream's order.
func inOrder[T any](facts []factRow[T]) []factRow[T] {
	return sorted(facts, func(a, b factRow[T]) int {
		return cmp.Or(a.at.Stream.Compare(b.at.Stream), cmp.Compare(a.at.Sequence, b.at.Sequence))
	})
}

func keysOf[T any](facts []factRow[T]) []any {
	return []any{
		column(facts, func(f factRow[T]) string { return f.firmID }),
		column(facts, func(f factRow[T]) string { return f.id }),
		column(facts, func(f factRow[T]) time.Time { return f.at.Stream }),
		column(facts, func(f factRow[T]) int64 { return int64(f.at.Sequence) }),
	}
}

func scanKept(last func(*keptRow) any) pgx.RowToFunc[keptRow] {
	return func(row pgx.CollectableRow) (keptRow, error) {
		var r keptRow
		var sequence int64
		var list []byte
		if err := row.Scan(&r.n, &r.at.Stream, &sequence, &list, last(&r)); err != nil || list == nil {
			r.at.Sequence = uint64(sequence)
			return r, err
		}
		r.at.Sequence = uint64(sequence)
		return r, json.Unmarshal(list, &r.before)
	}
}
