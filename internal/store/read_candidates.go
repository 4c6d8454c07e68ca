package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Candidate is one recipient of a bulk selection. ContactID is empty if the client has no contacts or does not exist.
type Candidate struct{ ClientID, ContactID string }

// Selection says which clients of a firm a run is for.
type Selection struct {
	All       bool     // every active client
	Kind      string   // with All: only clients of this kind; "" for both kinds
	ClientIDs []string // without All: these clients, active or not
	// People selects the contacts that clients list, by what stands for them, instead of whole clients (ADR 170).
	People *PeopleFilter
}

// Candidates reads the next page of a selection after the cursor, at most limit, in (client_id, contact_id) order. It
// pages by keyset: each page starts in the index where the last one ended, so it costs the same however large the
// selection is. A client's contacts are in its row (ADR 7).
func (t *Tx) Candidates(
	ctx context.Context, firmID string, sel Selection, after Cursor, limit int,
) ([]Candidate, error) {
	if sel.People != nil {
		return t.peopleToAsk(ctx, *sel.People, after, limit)
	}
	sql, args := allCandidates, []any{firmID, after.ClientID, after.ContactID, limit, sel.Kind}
	if !sel.All {
		sql, args = namedCandidates, []any{firmID, after.ClientID, after.ContactID, limit, sel.ClientIDs}
	}
	return collect(ctx, t, "read candidates", pgx.RowToStructByPos[Candidate], sql, args...)
}

const allCandidates = `
	SELECT c.client_id, coalesce(k.contact_id, '')
	FROM clients c LEFT JOIN LATERAL unnest(c.contact_ids) AS k (contact_id) ON true
	WHERE c.firm_id = $1 AND c.client_id >= $2 AND (c.client_id > $2 OR k.contact_id > $3)
	  AND c.active AND NOT c.removed AND ($5 = '' OR c.kind = $5)
	ORDER BY c.client_id, k.contact_id LIMIT $4`

const namedCandidates = `
	SELECT named.client_id, coalesce(k.contact_id, '')
	FROM (SELECT DISTINCT client_id COLLATE "C" AS client_id FROM unnest($5::text[]) AS n (client_id)) named
	LEFT JOIN clients c ON c.firm_id = $1 AND c.client_id = named.client_id AND NOT c.removed
	LEFT JOIN LATERAL unnest(c.contact_ids) AS k (contact_id) ON true
	WHERE named.client_id >= $2 AND (named.client_id > $2 OR k.contact_id > $3)
	ORDER BY named.client_id, k.contact_id LIMIT $4`

// SharedEmails returns those of the emails (normal form) that more than one contact of the firm has.
func (t *Tx) SharedEmails(ctx context.Context, firmID string, emails []string) ([]string, error) {
	return collect(ctx, t, "look for shared emails", pgx.RowTo[string], `
		SELECT email_normal FROM contacts WHERE firm_id = $1 AND NOT removed AND email_normal = ANY ($2)
		GROUP BY email_normal HAVING count(*) > 1`, firmID, emails)
}

// CandidatesSharing reads the candidates of a selection, up to and including the cursor, whose email is one of these
// (normal form), in (client_id, contact_id) order. Indexes lead from the emails to the contacts and from the contacts
// to the clients. So it costs what it finds, wherever the cursor is.
func (t *Tx) CandidatesSharing(
	ctx context.Context, firmID string, sel Selection, emails []string, upTo Cursor,
) ([]Candidate, error) {
	if sel.People != nil {
		return t.peopleSharing(ctx, *sel.People, emails, upTo)
	}
	return collect(ctx, t, "read candidates by email", pgx.RowToStructByPos[Candidate], `
		SELECT c.client_id, k.contact_id
		FROM contacts k CROSS JOIN LATERAL ( -- OFFSET 0 makes Postgres look up the clients of each contact by the index
			SELECT client_id, active, kind FROM clients
			WHERE firm_id = k.firm_id AND contact_ids @> ARRAY[k.contact_id] AND NOT removed OFFSET 0) c
		WHERE k.firm_id = $1 AND NOT k.removed AND k.email_normal = ANY ($2) AND (c.client_id, k.contact_id) <= ($3, $4)
		  AND CASE WHEN $5 THEN c.active AND ($6 = '' OR c.kind = $6) ELSE c.client_id = ANY ($7) END
		ORDER BY c.client_id, k.contact_id`,
		firmID, emails, upTo.ClientID, upTo.ContactID, sel.All, sel.Kind, sel.ClientIDs)
}
