package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Candidate is one recipient of a bulk selection. ContactID is empty where there is nobody on the client, or no such client.
type Candidate struct{ ClientID, ContactID string }

// Selection is which clients of a firm a run is for.
type Selection struct {
	All       bool     // every active client
	Kind      string   // with All: only this kind; "" for both
	ClientIDs []string // without All: these, whatever their state
}

// Candidates reads the next page of a selection behind the cursor, in (client_id, contact_id) order, at most limit.
// However large the selection is, a page costs the same: it starts in the index where the last one ended.
func (t *Tx) Candidates(ctx context.Context, firmID string, sel Selection, after Cursor, limit int) ([]Candidate, error) {
	sql, args := allCandidates, []any{firmID, after.ClientID, after.ContactID, limit, sel.Kind}
	if !sel.All {
		sql, args = namedCandidates, []any{firmID, after.ClientID, after.ContactID, limit, sel.ClientIDs}
	}
	rows, err := t.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read candidates: %w", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Candidate])
	if err != nil {
		return nil, fmt.Errorf("read candidates: %w", err)
	}
	return page, nil
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

// Leavings reads the next page of a run's invites that stand as skipped for a fixable reason, or as failed: what a replay
// of the run evaluates again.
func (t *Tx) Leavings(ctx context.Context, run uuid.UUID, after Cursor, limit int) ([]Invite, error) {
	rows, err := t.tx.Query(ctx, `
		SELECT `+inviteColumns+` FROM invites
		WHERE run_id = $1 AND invite_id > $2 AND state IN ('skipped', 'failed') AND NOT settled
		ORDER BY invite_id LIMIT $3`,
		run, after.InviteID, limit)
	if err != nil {
		return nil, fmt.Errorf("read what run %s left: %w", run, err)
	}
	page, err := pgx.CollectRows(rows, scanInvite)
	if err != nil {
		return nil, fmt.Errorf("read what run %s left: %w", run, err)
	}
	return page, nil
}
